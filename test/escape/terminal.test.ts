import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sceneOf, wordsOf, type Report } from './support/attack.ts'
import { runOutside } from './support/control.ts'
import { mustHaveRun, planFor, runJail } from './support/jail.ts'
import type { Place } from './support/place.ts'
import { assertHeld, assertWorks, attack, only, withPlaces } from './support/single.ts'

const input = attack('terminal-input', {})
const control = attack('terminal-control', {})
const foreign = attack('foreign-terminals', {})

withPlaces('the terminal of whoever starts it', (place, other) => {
  test('nothing can be pushed into a terminal that is the standard input (CVE-2017-5226, CVE-2019-10063)', async () => {
    const { reports, pushed } = await onTerminal(place(), false)
    for (const report of reports) assertHeld(report)
    assert.equal(pushed, 0)
  })

  test('nothing can be pushed into a terminal for which the sandbox has one of its own', async () => {
    const { pushed } = await onTerminal(place(), true)
    assert.equal(pushed, 0)
  })

  test('outside, the same program pushes into its terminal where the kernel still lets it', async (t) => {
    const output = await runOutside(other(), wordsOf([input], sceneOf(other(), 'host')), [other().attacks, 'terminal'])
    const report = only(input, output)
    if (report.calls.some(([what, answer]) => what === 'TIOCSTI on 0' && answer === 'EIO')) {
      t.diagnostic('this kernel has TIOCSTI turned off (dev.tty.legacy_tiocsti)')
      return
    }
    assertWorks(report)
    assert.ok(pushedIn(output) > 0, 'the terminal got nothing')
  })
})

/** Runs the launcher on a terminal. With one of its own the sandbox may do with that what it likes. */
async function onTerminal(place: Place, own: boolean): Promise<{ reports: Report[]; pushed: number }> {
  const attacks = [input, control, foreign]
  const words = wordsOf(attacks, sceneOf(place, 'jail'))
  const command = { ...planFor(place, words).command, terminal: own }
  const through = [place.attacks, 'terminal']
  const run = mustHaveRun(await runJail(place, words, { plan: { command }, through }))
  return { reports: attacks.map((one) => only(one, run.stdout)), pushed: pushedIn(run.stdout) }
}

function pushedIn(output: string): number {
  const line = output.split('\n').find((text) => text.startsWith('{"terminal"'))
  assert.ok(line, 'the terminal said nothing')
  return (JSON.parse(line) as { terminal: { pushed: number } }).terminal.pushed
}
