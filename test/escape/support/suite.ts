import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { runners, type Runner } from '../../support/as-user.ts'
import { idOf, reportsIn, sceneOf, wordsOf, type Attack, type Report } from './attack.ts'
import { isFor, runControls } from './control.ts'
import { mustHaveRun, runJail, type JailOptions, type JailRun } from './jail.ts'
import { makePlace, type Place } from './place.ts'
import { changes, dangerousIn, snapshot } from './snapshot.ts'

export interface Room {
  readonly name: string
  readonly attacks: readonly Attack[]
  readonly options?: JailOptions | ((place: Place) => JailOptions)
  /** What must be true of the sandbox for the attacks to mean what they say. */
  readonly check?: (run: JailRun) => void
  /** A program that starts the control runs. */
  readonly outside?: (place: Place) => readonly string[]
  /** Makes what the attacks of this room need beside the place. */
  readonly prepare?: (place: Place) => Promise<void> | void
}

/**
 * A room is one sandbox in which all its attacks are made, one after another, by a program that is hostile
 * through and through; then the host is looked at. And the same program outside, where it must succeed.
 */
export function attackRooms(rooms: readonly Room[]): void {
  for (const runner of runners()) {
    for (const room of rooms) describe(`${room.name}, started by ${runner.name}`, () => judge(room, runner))
  }
}

function judge(room: Room, runner: Runner): void {
  const places: Place[] = []
  const state: Partial<Outcome> = {}
  const known = (): Outcome => state as Outcome
  before(async () => {
    const place = await makePlace(runner)
    places.push(place)
    const other = await makePlace(runner)
    places.push(other)
    Object.assign(state, await attack(room, place, other))
  })
  after(async () => {
    for (const place of places) await place.remove()
  })

  for (const attack of room.attacks) {
    test(attack.title, (t) => {
      const { reports, controls, touchedByControls, other } = known()
      const report = reports.get(idOf(attack))
      assert.ok(report, 'the attack was not made')
      assert.ok(report.attempted, `the attack could not be attempted: ${describeReport(report)}`)
      if (attack.documented === undefined) assert.equal(report.effect, 'none', describeReport(report))
      else assert.notEqual(report.effect, 'none', `it is stopped now: "${attack.documented}" is out of date`)
      proven(attack, controls.get(idOf(attack)), other, touchedByControls)
      if (!isFor(attack.control, other)) {
        t.diagnostic(
          'unproven' in attack.control ? attack.control.unproven : `shown to work as ${attack.control.as} only`,
        )
      }
    })
  }
  test('nothing outside was touched or changed, and no secret came out', () => {
    const { output, touched, changed, dangerous, place } = known()
    assert.deepEqual(touched, [])
    assert.deepEqual(changed, [])
    assert.deepEqual(dangerous, [])
    assert.ok(!output.includes(place.token), 'a secret is in the output')
  })
}

interface Outcome {
  readonly place: Place
  readonly other: Place
  readonly output: string
  readonly reports: Map<string, Report>
  readonly touched: readonly string[]
  readonly changed: readonly string[]
  readonly dangerous: readonly string[]
  readonly controls: Map<string, Report>
  readonly touchedByControls: readonly string[]
}

async function attack(room: Room, place: Place, other: Place): Promise<Outcome> {
  for (const one of [place, other]) await room.prepare?.(one)
  const earlier = snapshot(place)
  const options = typeof room.options === 'function' ? room.options(place) : (room.options ?? {})
  const run = mustHaveRun(await runJail(place, wordsOf(room.attacks, sceneOf(place, 'jail')), options))
  room.check?.(run)
  const outside = {
    touched: await place.witness.touched(),
    changed: changes(earlier, snapshot(place)),
    dangerous: dangerousIn(place.ws, place.runner.uid),
  }
  const controls = await runControls(other, room.attacks, room.outside?.(other))
  const output = run.stdout + run.stderr
  const touchedByControls = await other.witness.touched()
  return { place, other, output, reports: reportsIn(run.stdout), ...outside, controls, touchedByControls }
}

/** The attack succeeded where nothing stops it; else its failure in the jail says nothing. */
function proven(
  { control, touches }: Attack,
  report: Report | undefined,
  other: Place,
  touched: readonly string[],
): void {
  if ('unproven' in control || !isFor(control, other)) return
  assert.ok(report, 'there is no control run')
  const absent = control.unless?.some((errno) => report.calls.some(([, answer]) => answer === errno)) ?? false
  if (report.effect === 'none' && absent) return
  assert.notEqual(report.effect, 'none', `outside it does not work either: ${describeReport(report)}`)
  if (touches !== undefined)
    assert.ok(touched.includes(touches), `the witness did not see ${touches}: ${touched.join(', ')}`)
}

function describeReport({ attack, effect, reason, calls }: Report): string {
  const last = calls.slice(-8).map(([what, answer]) => `${what}: ${answer}`)
  return `${attack}: ${reason ?? effect} (${last.join('; ')})`
}
