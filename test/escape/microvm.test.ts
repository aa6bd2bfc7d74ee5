import assert from 'node:assert/strict'
import { before, describe, suite, test } from 'node:test'
import { machineRunner, testMachines, whyNoMachines } from '../support/machines.ts'
import { unlessLong, unlessPresent } from '../support/requirement.ts'
import { channelCases } from './cases/channel.ts'
import { leakCases, startCases } from './cases/start.ts'
import { assertTerminalKept, terminalCases } from './cases/terminal.ts'
import { groundIn } from './guest/ground.ts'
import type { Guest } from './guest/machine.ts'
import { attacksOutside } from './guest/place.ts'
import { listOf, roomsOfEach } from './guest/rooms.ts'
import { attackInGuest, stateOf } from './guest/suite.ts'
import { bombs, type Bomb } from './rooms/bombs.ts'
import { inherited, machine } from './rooms/machine.ts'
import { inet } from './rooms/network.ts'
import { connections, programs, supervisor } from './rooms/races.ts'
import { reportsIn, sceneOf, wordsOf, type Attack } from './support/attack.ts'
import { pushedIn } from './support/ground.ts'
import { limits, mustHaveRun, planFor } from './support/jail.ts'
import type { Place } from './support/place.ts'
import { attack } from './support/single.ts'

const missing = unlessPresent('QEMU', whyNoMachines()) || unlessLong('the escape suite in a guest')
if (missing === false) await testMachines()

/** The image's own. */
const loader = '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'
const onHost = 'a race is won on the host within seconds, and in an emulated machine within minutes (races.test.ts)'
const noNetwork = 'the guest has no network: its root cannot reach that address either'
const outwards = inet.filter(({ id }) => id?.endsWith('-outward')).map(({ id = '' }) => [id, noNetwork] as const)

/** A round of an emulated machine takes ten times as long. */
function fewer(attacks: readonly Attack[], rounds: number): Attack[] {
  return attacks.map((one) => ({ ...one, args: (scene) => ({ ...one.args?.(scene), rounds, seconds: 60 }) }))
}

suite('in a virtual machine', { skip: missing }, () => {
  attackInGuest({
    rooms: [
      ...roomsOfEach(loader),
      { name: 'races for connections', attacks: fewer(connections, 300), shown: onHost },
      { name: 'races for programs', attacks: fewer(programs, 60), plan: listOf, shown: onHost },
      { name: 'the supervisor', attacks: fewer(supervisor, 300), shown: 'outside there is no supervisor' },
      { name: 'what could be handed on', attacks: inherited, shown: true },
      { name: 'machine', attacks: machine, shown: true },
    ],
    passedOver: {},
    unshown: Object.fromEntries(outwards),
    more(guest, place) {
      casesOfTheJail(guest, place)

      for (const bomb of bombs) test(bomb.title, async () => throwBomb(guest(), place(), bomb))

      test('nothing is left of the sandboxes when they have ended', async () => {
        const left = await guest().outside(
          '/bin/sh',
          '-c',
          'cat /proc/[0-9]*/comm; ls /run/glovebox/s; ls /sys/fs/cgroup',
        )
        assert.doesNotMatch(left, /escape-|glovebox-inside|gbx-/)
        // Launchers, and what is forked from them, are init's own program.
        const ours = 'readlink /proc/[0-9]*/exe | grep -cFx "$(readlink /proc/1/exe)"'
        assert.equal(await guest().outside('/bin/sh', '-c', ours), '1\n')
      })

      test('a program that ignores everything is ended when its time is over, with all that it started', async () => {
        const marker = `survivor-${place().name}`
        const stay = attack('stop-everybody', { ws: place().ws, seconds: 60 })
        const words = wordsOf([attack('survive', { marker }), stay], sceneOf(place(), 'jail'))
        const run = await guest().run({
          ...planFor(place(), words, { limits: limits({ time: 3000 }) }),
          id: 'escape-time',
        })
        assert.equal(run.exit?.timedOut, true)
        const left = await guest().outside(
          '/bin/sh',
          '-c',
          'cat /proc/[0-9]*/cmdline | tr "\\0" "\\n" | grep -c ^survivor',
        )
        assert.equal(left, '0\n')
      })

      // Last, as the machine ends by it.
      for (const name of ['guest-sysrq']) {
        test(`outside of the sandboxes it ends the machine: ${name}`, async () => {
          const { ended } = guest()
          const stream = await guest().startOutside('/run/glovebox/given/0/attacks', 'run', name)
          // It is lost with the machine, whose end is looked at.
          stream.on('error', () => undefined)
          const { asked } = await ended
          assert.equal(asked, false)
        })
      }
    },
  })
})

/** The very cases of the jail, by the sandbox's owner on the host, with the guest's root as the one outside. */
function casesOfTheJail(guest: () => Guest, place: () => Place): void {
  describe('as in the jail', () => {
    let earlier = ''
    before(async () => {
      await place().witness.touched() // by what was shown to work
      earlier = await stateOf(guest())
    })
    const ground = () => groundIn(guest(), place())
    terminalCases(ground)
    test('the guest’s root sees what is pushed into a terminal', async () => {
      const push = `${attacksOutside} run terminal-input; ${attacksOutside} typed`
      assert.ok(pushedIn(await guest().outside(attacksOutside, 'terminal', '/bin/sh', '-c', push)) > 0)
    })
    test('nothing can be pushed into the terminal in which the command was typed', async () =>
      assertTerminalKept(place(), machineRunner(), 'microvm'))
    channelCases(ground)
    leakCases(ground)
    startCases(ground, process.getuid?.() === 0 ? false : 'only root can prepare this')
    test('after all that the guest’s own root is as it was, and nothing of it was touched', async () => {
      assert.deepEqual((await stateOf(guest())).split('\n'), earlier.split('\n'))
      assert.deepEqual(await place().witness.touched(), [])
    })
  })
}

async function throwBomb(guest: Guest, place: Place, bomb: Bomb): Promise<void> {
  const words = wordsOf([bomb], sceneOf(place, 'jail'))
  const run = mustHaveRun(
    await guest.run({ ...planFor(place, words, { limits: limits(bomb.limits) }), id: `escape-${bomb.name}` }),
  )
  const report = reportsIn(run.stdout).get(bomb.name)
  // No report at all: the whole sandbox was ended for it.
  const ended = run.exit?.signal !== null || run.exit.outOfMemory
  assert.ok(report !== undefined || ended, `no report, and the sandbox ended with ${run.exit?.code}`)
  assert.ok(report?.attempted ?? true, report?.reason ?? '')
  assert.equal(report?.effect ?? 'none', 'none')
  const memory = run.receipt?.enforcements.find(({ control }) => control === 'memory')
  assert.match(memory?.mechanism ?? '', /cgroup/)
  if (bomb.measure === 'memory') {
    assert.ok((run.exit?.peakMemoryBytes ?? 0) <= (bomb.limits.memory ?? 0) + 24 * 1024 ** 2, JSON.stringify(run.exit))
  }
}
