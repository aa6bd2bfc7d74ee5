import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { runners, type Runner } from '../../support/as-user.ts'
import { startWorld, type Flow } from '../../support/world/world.ts'
import type { Report } from '../support/attack.ts'
import { attacksBinary } from '../support/binaries.ts'
import { attackerOf, flagsOf, openBox, wordsOf } from './box.ts'
import { resolver, tokenOf, type EgressCase, type EgressRoom } from './case.ts'

interface Made {
  readonly report: Report
  readonly passed: readonly Flow[]
}

/**
 * Each room is a sandbox on a host to which every address belongs (`support/world`), and is watched from there: attacks are made
 * one after another, and what passed on the host is looked at after each. Then the same attacks without a sandbox, where they
 * must be seen.
 */
export function attackEgress(driver: string, rooms: readonly EgressRoom[]): void {
  for (const room of rooms) {
    describe(`${room.name}: where nothing stops it`, () => judgeControls(room))
    for (const runner of runners()) attackRoom(driver, room, runner)
  }
}

/** The sandbox's side alone, for a driver whose attacks another one's suite shows to work. */
export function attackRoom(driver: string, room: EgressRoom, runner: Runner): void {
  describe(`${room.name}, started by ${runner.name}`, () => judge(driver, room, runner))
}

function judge(driver: string, room: EgressRoom, runner: Runner): void {
  const made = new Map<string, Made>()
  let late: readonly Flow[] = []
  before(async () => {
    const world = await startWorld(attacksBinary(runner), room.zone)
    try {
      const attacker = attackerOf(runner)
      const flags = flagsOf(room, driver)
      const box = openBox({ world, runner, attacker, words: wordsOf(room.cases), flags, env: room.secrets?.env })
      for (const { id } of room.cases) made.set(id, { report: await box.step(), passed: await world.passed() })
      const { code, stderr } = await box.end()
      late = await world.passed()
      assert.equal(code, 0, stderr)
    } finally {
      await world.end()
    }
  })
  for (const one of room.cases) {
    test(one.title, () => {
      const { report, passed } = found(made, one)
      assert.ok(report.attempted, `could not be attempted: ${told(report)}`)
      assert.deepEqual(
        passed.filter((flow) => !mayPass(room, one, flow)),
        [],
        told(report),
      )
      if (one.leaves === 'all') assert.notEqual(report.effect, 'none', told(report))
      else assert.equal(report.effect, 'none', told(report))
    })
  }
  test('nothing left the host when the sandbox had ended', () => {
    const quiet = { title: '', id: '', attack: '', args: {} }
    assert.deepEqual(
      late.filter((flow) => !mayPass(room, quiet, flow)),
      [],
    )
  })
}

function judgeControls(room: EgressRoom): void {
  const proven = room.cases.filter(({ control = { to: '' } }) => !('unproven' in control))
  const made = new Map<string, Made>()
  const [runner] = runners()
  before(async () => {
    assert.ok(runner)
    const world = await startWorld(attacksBinary(runner), room.zone, { open: true })
    try {
      const attacker = attackerOf(runner)
      const box = openBox({ world, runner, attacker, words: wordsOf(proven), flags: undefined, env: room.secrets?.env })
      for (const { id } of proven) made.set(id, { report: await box.step(), passed: await world.passed() })
      await box.end()
    } finally {
      await world.end()
    }
  })
  for (const one of proven) {
    test(`it is seen: ${one.title}`, () => {
      const { report, passed } = found(made, one)
      const aim = one.control
      const hits = passed.filter((flow) =>
        aim === undefined || 'unproven' in aim
          ? flow.tokens.some((token) => token.startsWith(tokenOf(one.id)))
          : flow.to === aim.to && (aim.port === undefined || flow.port === aim.port),
      )
      assert.ok(hits.length > 0, `nothing of it passed: ${told(report)} ${JSON.stringify(passed)}`)
    })
  }
}

/** The host's questions about the room's names, and packets to the room's servers: with bytes only where a case says so. */
function mayPass({ names, servers, ports, protocol = 6 }: EgressRoom, { leaves }: EgressCase, flow: Flow): boolean {
  if (flow.to === resolver && flow.port === 53) {
    return flow.tokens.length === 0 && flow.names.length > 0 && flow.names.every((name) => names.includes(name))
  }
  if (!servers.includes(flow.to) || !ports.includes(flow.port) || flow.protocol !== protocol) return false
  if (leaves === 'all') return true
  return flow.tokens.length === 0 && (flow.bytes === 0 || leaves === 'rest')
}

function found(made: ReadonlyMap<string, Made>, { id }: EgressCase): Made {
  const one = made.get(id)
  assert.ok(one, 'it was not made')
  return one
}

function told({ effect, reason, calls }: Report): string {
  return `${reason ?? effect} (${calls
    .slice(-8)
    .map(([what, how]) => `${what}: ${how}`)
    .join('; ')})`
}
