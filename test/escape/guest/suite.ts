import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { MicrovmHost } from '../../../src/drivers/microvm/microvm-host.ts'
import type { JailPlan } from '../../../src/protocol/jail-plan.ts'
import { runners } from '../../support/as-user.ts'
import { idOf, reportsIn, sceneOf, wordsOf, type Attack, type Report } from '../support/attack.ts'
import { attacksBinary } from '../support/binaries.ts'
import { mustHaveRun, planFor } from '../support/jail.ts'
import { makePlace, type Place } from '../support/place.ts'
import { changes, snapshot } from '../support/snapshot.ts'
import { hostWithAccomplice } from './accomplice.ts'
import { startGuest, type Guest } from './machine.ts'
import { attacksOutside, givenOf, placeIn, prepareControls } from './place.ts'

export interface GuestRoom {
  readonly name: string
  readonly attacks: readonly Attack[]
  readonly plan?: (place: Place) => Partial<JailPlan>
  /** Where the attacks are shown to work: nowhere, for a reason, or by root in the guest. */
  readonly shown: true | string
  /** The workspace of whoever shows them: the sandboxes' own, where it has the witness's sockets. */
  readonly shownIn?: string
}

export interface GuestRooms {
  readonly rooms: readonly GuestRoom[]
  /** Attacks that are not made in a guest, by their ids: why. */
  readonly passedOver: Readonly<Record<string, string>>
  /** Attacks that no guest's root can make either: why. */
  readonly unshown: Readonly<Record<string, string>>
  /** Where machines are of another processor, what they are made of, and the attacking program for it. */
  readonly on?: () => Promise<{ readonly host: MicrovmHost; readonly attacks: string }>
  /** More tests, with the same machine. */
  readonly more: (guest: () => Guest, place: () => Place) => void
}

interface Outcome {
  readonly reports: ReadonlyMap<string, Report>
  readonly touched: readonly string[]
  readonly output: string
}

/**
 * One machine in which each room is a sandbox, as a start there has it; beside them root in the guest, who witnesses, and makes the
 * same attacks when all rooms have been left: there they succeed.
 */
export function attackInGuest({ rooms, passedOver, unshown, on, more }: GuestRooms): void {
  let guest: Guest
  let place: Place
  let here: Place
  const made = new Map<string, Outcome>()
  const controls = new Map<string, Report>()
  const state = { touched: [] as readonly string[], changed: [] as string[], before: '', after: '' }

  const attacksOf = (room: GuestRoom): Attack[] => room.attacks.filter((each) => passedOver[idOf(each)] === undefined)

  before(async () => {
    const [runner] = runners()
    assert.ok(runner)
    const other = await on?.()
    const attacks = other?.attacks ?? attacksBinary(runner)
    here = await makePlace(runner, attacks)
    const host = await hostWithAccomplice(attacks, other?.host)
    guest = await startGuest(host, { given: givenOf(here), workspace: here.ws, id: 'escape' })
    place = await placeIn(guest, here)
    const earlier = snapshot(here)
    state.before = await stateOf(guest)
    for (const room of rooms) made.set(room.name, await visit(guest, place, { ...room, attacks: attacksOf(room) }))
    state.after = await stateOf(guest)
    state.touched = await here.witness.touched()
    state.changed = changes(earlier, snapshot(here))
    await prepareControls(guest, place)
    for (const room of rooms) {
      if (room.shown === true)
        for (const [id, report] of await runControls(
          guest,
          { ...place, ws: room.shownIn ?? place.ws },
          attacksOf(room),
        ))
          controls.set(id, report)
    }
  })
  after(async () => {
    await guest?.kill()
    await here?.remove()
  })

  for (const room of rooms) {
    describe(room.name, () => {
      for (const attack of attacksOf(room)) {
        test(attack.title, (t) => {
          const report = made.get(room.name)?.reports.get(idOf(attack))
          assert.ok(report, 'the attack was not made')
          assert.ok(report.attempted, `the attack could not be attempted: ${told(report)}`)
          if (attack.documented === undefined) assert.equal(report.effect, 'none', told(report))
          else assert.notEqual(report.effect, 'none', `it is stopped now: "${attack.documented}" is out of date`)
          const why = 'unproven' in attack.control ? attack.control.unproven : unshown[idOf(attack)]
          if (room.shown !== true || why !== undefined) return t.diagnostic(why ?? String(room.shown))
          shownToWork(attack, controls.get(idOf(attack)))
        })
      }
      test('nothing of the guest outside of the sandbox was touched, and no secret came out', () => {
        const outcome = made.get(room.name)
        assert.ok(outcome, 'it was not visited')
        assert.deepEqual(outcome.touched, [])
        assert.ok(!outcome.output.includes(place.token), 'a secret is in the output')
      })
    })
  }
  test('after all rooms the guest’s own root is as it was', () =>
    assert.deepEqual(state.after.split('\n'), state.before.split('\n')))
  test('after all rooms nothing on the host was touched or changed', () => {
    assert.deepEqual([state.touched, state.changed], [[], []])
  })
  for (const [id, why] of Object.entries(passedOver)) {
    test(`not made in a guest: ${id}`, { skip: why }, () => assert.fail('it is passed over'))
  }
  more(
    () => guest,
    () => place,
  )
}

async function visit(guest: Guest, place: Place, { name, attacks, plan }: GuestRoom): Promise<Outcome> {
  const words = wordsOf(attacks, sceneOf(place, 'jail'))
  const id = `escape-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`
  const run = mustHaveRun(await guest.run({ ...planFor(place, words, plan?.(place)), id }))
  return { reports: reportsIn(run.stdout), touched: await place.witness.touched(), output: run.stdout + run.stderr }
}

async function runControls(guest: Guest, place: Place, attacks: readonly Attack[]): Promise<Map<string, Report>> {
  const all = new Map<string, Report>()
  for (const side of ['host', 'namespaces'] as const) {
    const these = attacks.filter(({ control }) => 'on' in control && control.on === side)
    if (these.length === 0) continue
    const scene = sceneOf(place, side)
    // Attacks on the mount tree change what the next one would find: each has namespaces of its own.
    const runs =
      side === 'host'
        ? [wordsOf(these, scene)]
        : these.map((one) => ['throwaway', attacksOutside, ...wordsOf([one], scene)])
    for (const words of runs) {
      for (const [id, report] of reportsIn(await guest.outside(attacksOutside, ...words))) all.set(id, report)
    }
  }
  return all
}

/** What of a guest must stay as it is, whatever its sandboxes do: as root sees it in the guest. */
export async function stateOf(guest: Guest): Promise<string> {
  const look = [
    'cat /proc/1/mounts /proc/modules /proc/swaps /proc/sys/kernel/hostname /proc/sys/kernel/core_pattern /etc/machine-id',
    'cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/sysrq /proc/sys/kernel/tainted',
    // Its workspace is a sandbox’s to change.
    'find / -xdev -newer /proc/1/cmdline',
    "find /tmp /run /dev -xdev -not -path '/run/glovebox/s' -printf '%p %y %m %U %s %T@\\n' | sort",
    'find /tmp -type f | sort | xargs sha256sum',
    // Of programs: the kernel’s threads come and go.
    'readlink /proc/[0-9]*/exe | grep -v /bin/ | sort',
  ]
  return guest.outside('/bin/sh', '-c', look.join('; '))
}

/** The attack succeeded where nothing stops it, in the same guest. */
function shownToWork({ control }: Attack, report: Report | undefined): void {
  if ('unproven' in control) return
  assert.ok(report, 'there is no control run')
  const absent = control.unless?.some((errno) => report.calls.some(([, answer]) => answer === errno)) ?? false
  if (report.effect === 'none' && absent) return
  assert.notEqual(report.effect, 'none', `root in the guest cannot do it either: ${told(report)}`)
}

function told({ attack, effect, reason, calls }: Report): string {
  const last = calls.slice(-8).map(([what, answer]) => `${what}: ${answer}`)
  return `${attack}: ${reason ?? effect} (${last.join('; ')})`
}
