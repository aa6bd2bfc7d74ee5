import assert from 'node:assert/strict'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import type { Runner } from '../../support/as-user.ts'
import { startProgram } from '../../../src/inside/program.ts'
import { sceneOf, wordsOf } from '../support/attack.ts'
import { pushedIn, type Ground } from '../support/ground.ts'
import { mustHaveRun } from '../support/jail.ts'
import type { Place } from '../support/place.ts'
import { runInside, script, stay, untilStaying } from '../support/programs.ts'
import { assertHeld, assertWorks, attack, only } from '../support/single.ts'

const input = attack('terminal-input', {})
const control = attack('terminal-control', {})
const foreign = attack('foreign-terminals', {})
const size = { rows: 24, columns: 80 }

/** The terminal of whoever starts a sandbox, and of whoever starts a program in it. */
export function terminalCases(ground: () => Ground): void {
  test('nothing can be pushed into a terminal that is the standard input (CVE-2017-5226, CVE-2019-10063)', async () => {
    const attacks = [input, control, foreign]
    const { run, pushed } = await ground().onTerminal(wordsOf(attacks, sceneOf(ground().place, 'jail')), false)
    for (const one of attacks) assertHeld(only(one, run.stdout))
    assert.equal(pushed, 0)
  })

  // With one of its own the sandbox may do with that what it likes.
  test('nothing can be pushed into a terminal for which the sandbox has one of its own', async () => {
    const words = wordsOf([input, control, foreign], sceneOf(ground().place, 'jail'))
    const { pushed } = await ground().onTerminal(words, true)
    assert.equal(pushed, 0)
  })

  test('outside, the same program pushes into its terminal where the kernel still lets it', async (t) => {
    const output = await ground().outside(wordsOf([input], sceneOf(ground().other, 'host')), true)
    const report = only(input, output)
    if (report.calls.some(([what, answer]) => what === 'TIOCSTI on 0' && answer === 'EIO')) {
      t.diagnostic('this kernel has TIOCSTI turned off (dev.tty.legacy_tiocsti)')
      return
    }
    assertWorks(report)
    assert.ok(pushedIn(output) > 0, 'the terminal got nothing')
  })

  test('a program that the host starts on a terminal types nothing into it', async () => {
    const { place } = ground()
    let said = ''
    mustHaveRun(
      await ground().run(['linger'], {
        async meanwhile(sandbox) {
          const inside = await sandbox.enter()
          const words = wordsOf([input, control], sceneOf(place, 'jail'))
          said = await runInside(inside, [place.attacks, ...words], size)
          sandbox.end()
        },
      }),
    )
    for (const one of [input, control]) assertHeld(only(one, said))
    // What is typed is shown: the terminal echoes.
    assert.deepEqual(
      said.split('\r\n').filter((line) => !line.startsWith('{"attack"')),
      [''],
    )
  })

  test('nothing can be typed into the terminal of a program that the host has started, nor can it be taken away', async () => {
    const { place } = ground()
    const beside = attack('terminal-beside', { begun: '/tmp/begun' })
    const words = [...wordsOf([beside], sceneOf(place, 'jail')), ...stay]
    let shown = ''
    const run = await ground().run(words, {
      async meanwhile(sandbox) {
        const inside = await sandbox.enter()
        const start = {
          argv: script('touch /tmp/begun; exec cat').map((word) => Buffer.from(word)),
          environment: [],
          environmentOnly: false,
          directory: undefined,
          terminal: size,
        }
        const program = await startProgram(inside.connection, start, (_, bytes) => {
          shown += Buffer.from(bytes).toString('latin1')
        })
        assert.equal(await runInside(inside, untilStaying), 'staying\n')
        await program.write(Buffer.from('from outside\n'))
        await program.endInput()
        await program.ended
        sandbox.end()
      },
    })
    assertHeld(only(beside, run.stdout))
    // Echoed, and said by the program: by nobody else.
    assert.equal(shown, 'from outside\r\nfrom outside\r\n')
  })
}

/** The whole command line in a terminal: what comes into that, or stays of it, is seen on this host. */
export async function assertTerminalKept(place: Place, runner: Runner, driver: string): Promise<void> {
  const main = path.join(runner.root, 'bin/glovebox.cjs')
  const attacks = [input, control]
  const words = ['exec', '--driver', driver, '--', place.attacks, ...wordsOf(attacks, sceneOf(place, 'jail'))]
  const child = runner.spawn(place.attacks, ['terminal', runner.node, main, ...words], {
    cwd: runner.home,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const output = await text(child.stdout as Readable)
  for (const one of attacks) assertHeld(only(one, output))
  assert.equal(pushedIn(output), 0)
}
