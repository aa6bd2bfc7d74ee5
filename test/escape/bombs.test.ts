import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { runners } from '../support/as-user.ts'
import { bombs, type Bomb } from './rooms/bombs.ts'
import { reportsIn, sceneOf, wordsOf, type Report } from './support/attack.ts'
import { runControls } from './support/control.ts'
import { limits, mustHaveRun, runJail, type JailRun } from './support/jail.ts'
import { largest, pidsWith, type Use } from './support/measure.ts'
import { makePlace, type Place } from './support/place.ts'

const MiB = 1024 ** 2
/** What the program that throws the bombs needs itself. */
const own = { processes: 4, bytes: 24 * MiB }

for (const runner of runners()) {
  describe(`limits, started by ${runner.name}`, () => {
    const places: Place[] = []
    let controls: Map<string, Report>
    before(async () => {
      places.push(await makePlace(runner))
      places.push(await makePlace(runner))
      controls = await runControls(places[1] as Place, bombs)
    })
    after(async () => {
      for (const place of places) await place.remove()
    })

    for (const bomb of bombs) {
      test(bomb.title, async (t) => {
        const place = places[0] as Place
        const running = runJail(place, wordsOf([bomb], sceneOf(place, 'jail')), {
          plan: { limits: limits(bomb.limits) },
        })
        const use = await largest(place, running)
        const run = mustHaveRun(await running)
        const report = reportsIn(run.stdout).get(bomb.name)
        // No report at all: the whole sandbox was ended for it.
        const ended = run.exit?.signal !== null || run.exit.outOfMemory
        assert.ok(report !== undefined || ended, `no report, and the sandbox ended with ${run.exit?.code}`)
        assert.ok(report?.attempted ?? true, report?.reason ?? '')
        if (bomb.needsGroup === true && !memoryMechanism(run).includes('cgroup')) {
          t.diagnostic(`not held without a control group: ${report?.effect}`)
          return
        }
        assert.equal(report?.effect ?? 'none', 'none')
        if (bomb.measure === 'processes') assertProcesses(use, bomb)
        if (bomb.measure === 'memory') assertMemory(use, bomb, run)
        assert.deepEqual(pidsWith(`${place.attacks}\0run`), [], 'something is left')
        assertProven(bomb, controls.get(bomb.name))
      })
    }
  })
}

function assertProcesses(use: Use, { limits: { pids = 0 } }: Bomb): void {
  assert.ok(use.processes <= pids + own.processes, `${use.processes} processes at once`)
  assert.ok(use.threads <= pids + own.processes, `${use.threads} threads at once`)
}

function memoryMechanism({ receipt }: JailRun): string {
  return receipt?.enforcements.find(({ control }) => control === 'memory')?.mechanism ?? ''
}

/**
 * Where no control group holds the limit, a watchdog ends the sandbox within 100 ms of passing it: memory is
 * taken faster than that, so only its having been ended counts there.
 */
function assertMemory(use: Use, { limits: { memory = 0 } }: Bomb, run: JailRun): void {
  if (!memoryMechanism(run).includes('cgroup')) return
  const peak = run.exit?.peakMemoryBytes ?? 0
  assert.ok(use.anonymousBytes <= memory + own.bytes, `${use.anonymousBytes / MiB} MiB at once`)
  assert.ok(peak <= memory + own.bytes, `${peak / MiB} MiB at the peak, says the launcher`)
}

function assertProven({ control }: Bomb, report: Report | undefined): void {
  if ('unproven' in control) return
  const absent = control.unless?.some((errno) => report?.calls.some(([, answer]) => answer === errno)) ?? false
  assert.ok(
    absent || (report !== undefined && report.effect !== 'none'),
    `outside it does not work either: ${JSON.stringify(report)}`,
  )
}
