import assert from 'node:assert/strict'
import { after, before, describe } from 'node:test'
import { runners } from '../../support/as-user.ts'
import { idOf, reportsIn, sceneOf, wordsOf, type Attack, type Report } from './attack.ts'
import { mustHaveRun, runJail, type JailOptions, type JailRun } from './jail.ts'
import { makePlace, type Place } from './place.ts'

/** Tests that need a place each, for each identity. `place` and `other` may be called within tests. */
export function withPlaces(name: string, body: (place: () => Place, other: () => Place) => void): void {
  for (const runner of runners()) {
    describe(`${name}, started by ${runner.name}`, () => {
      const places: Place[] = []
      before(async () => {
        places.push(await makePlace(runner))
        places.push(await makePlace(runner))
      })
      after(async () => {
        for (const place of places) await place.remove()
      })
      const at = (index: number): Place => {
        const place = places[index]
        assert.ok(place, 'there is no place yet')
        return place
      }
      body(
        () => at(0),
        () => at(1),
      )
    })
  }
}

/** An attack that need be no part of a room. */
export function attack(name: string, args: Readonly<Record<string, string | number>>): Attack {
  return { title: name, name, args: () => args, control: { unproven: 'the test runs its own' } }
}

/** Makes one attack in a sandbox of its own. */
export async function attackInJail(
  place: Place,
  one: Attack,
  options: JailOptions = {},
): Promise<{ run: JailRun; report: Report }> {
  const run = mustHaveRun(await runJail(place, wordsOf([one], sceneOf(place, 'jail')), options))
  return { run, report: only(one, run.stdout) }
}

export function only(one: Attack, output: string): Report {
  const report = reportsIn(output).get(idOf(one))
  assert.ok(report, `no report of ${one.name} in ${JSON.stringify(output.slice(0, 500))}`)
  return report
}

export function assertHeld(report: Report): void {
  assert.ok(report.attempted, `could not be attempted: ${JSON.stringify(report)}`)
  assert.equal(report.effect, 'none', JSON.stringify(report.calls))
}

/** The same attack succeeded where nothing stops it. */
export function assertWorks(report: Report): void {
  assert.notEqual(report.effect, 'none', `outside it does not work either: ${JSON.stringify(report.calls)}`)
}
