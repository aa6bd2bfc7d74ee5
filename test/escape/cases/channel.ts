import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import type { Inside } from '../../../src/inside/client.ts'
import { servers, thrown } from '../rooms/channel.ts'
import { reportsIn, sceneOf, wordsOf, type Report } from '../support/attack.ts'
import type { Ground, Sandbox } from '../support/ground.ts'
import { limits, mustHaveRun } from '../support/jail.ts'
import { withList } from '../support/listed.ts'
import { runInside, script, stay, untilStaying, visit } from '../support/programs.ts'
import { assertHeld, assertWorks, attack, only } from '../support/single.ts'

/** The way into a running sandbox, which its programs must not make one out of it. */
export function channelCases(ground: () => Ground): void {
  test('what serves the channel is out of reach', async (t) => {
    const { place, other } = ground()
    const words = [...wordsOf(servers, sceneOf(place, 'jail')), ...stay]
    const run = await ground().run(words, {
      async meanwhile(sandbox) {
        const inside = await sandbox.enter()
        assert.equal(await runInside(inside, untilStaying), 'staying\n')
        sandbox.end()
      },
    })
    const outside = await ground().outside(wordsOf(servers, sceneOf(other, 'host')))
    for (const one of servers) {
      await t.test(one.title, () => {
        assertHeld(only(one, run.stdout))
        assertWorks(only(one, outside))
      })
    }
  })

  test('who kills the agent gains nothing: the next one has the same confinement, and so has what it starts', async () => {
    const { report, left } = await kill(ground(), 'agent')
    assert.equal(left.generation, wasReached(report) ? 2 : 1)
    assertConfined(ground(), left.said)
  })

  test('who kills the seed gains nothing: nobody starts anything in its place', async () => {
    const { report, left } = await kill(ground(), 'seed')
    if (wasReached(report)) assert.equal(left.said, '')
    else assertConfined(ground(), left.said)
  })

  test('who listens inside under the name of the channel meets nobody', async (t) => {
    let said = ''
    mustHaveRun(
      await ground().run(['linger'], {
        async meanwhile(sandbox) {
          said = await besideSquatter(ground(), sandbox)
          sandbox.end()
        },
      }),
    )
    const report = only(attack('channel-squat', {}), said)
    assertHeld(report)
    // By the path, where sockets may be made; else by the abstract name alone.
    const listened = report.calls.some(([what, answer]) => what.startsWith('listen at') && answer === 'ok')
    assert.ok(listened, JSON.stringify(report.calls))
    t.diagnostic(report.calls.map((call) => call.join(': ')).join(', '))
  })

  test('what a program is made from cannot be taken from it and executed, whatever the list says', async (t) => {
    const { place, seconds } = ground()
    const one = attack('newborn-memory-file', { seconds })
    const { plan = {} } = withList(place)
    const run = mustHaveRun(
      await ground().run(wordsOf([one], sceneOf(place, 'jail')), {
        plan,
        meanwhile: async (sandbox) => visit(sandbox, [place.attacks, 'mark']),
      }),
    )
    const report = only(one, run.stdout)
    assertHeld(report)
    t.diagnostic(report.calls.map(([what]) => what).join(', '))
  })

  for (const bomb of thrown) {
    test(`started by the host: ${bomb.title}`, async () => {
      const { place } = ground()
      let said = ''
      let wasLost = false
      const run = await ground().run(['linger'], {
        plan: { limits: limits(bomb.limits) },
        async meanwhile(sandbox) {
          const inside = await sandbox.enter()
          void inside.connection.closed.then(() => (wasLost = true))
          said = await runInside(inside, [place.attacks, ...wordsOf([bomb], sceneOf(place, 'jail'))])
          if (!wasLost) sandbox.end()
        },
      })
      const report = reportsIn(said).get(bomb.name)
      // No report: the bomb was ended for what it did, alone or with the whole sandbox.
      const ended = run.exit?.outOfMemory === true || run.statuses.some(({ event }) => event === 'limit')
      assert.ok(report !== undefined || ended, `no report, and no limit was hit: ${JSON.stringify(run.statuses)}`)
      if (report !== undefined) assertHeld(report)
    })
  }
}

const ending = (which: 'agent' | 'seed'): ReturnType<typeof attack> =>
  attack('servers-end', { which, signal: constants.signals.SIGKILL })

interface Left {
  readonly generation: number
  /** What programs say that the host starts after that. */
  readonly said: string
}

async function kill(ground: Ground, which: 'agent' | 'seed'): Promise<{ report: Report; left: Left }> {
  const { place } = ground
  const words = [...wordsOf([ending(which)], sceneOf(place, 'jail')), ...stay]
  let left: Left | undefined
  const run = await ground.run(words, {
    async meanwhile(sandbox) {
      left = await whatIsLeft(ground, sandbox)
      sandbox.end()
    },
  })
  const report = only(ending(which), run.stdout)
  assertHeld(report)
  assert.ok(left)
  return { report, left }
}

/** Where the kernel scopes signals (Landlock ABI 6), it did not reach the agent. */
const wasReached = ({ calls }: Report): boolean =>
  calls.some(([what, answer]) => what !== 'pidfd_open' && answer === 'ok')

/** Of one who enters when it is over: who serves, and whether what is started then is confined as ever. */
async function whatIsLeft(ground: Ground, sandbox: Sandbox): Promise<Left> {
  const { place } = ground
  const posture = wordsOf(confinement(ground), sceneOf(place, 'jail'))
  for (;;) {
    const inside = await sandbox.enter()
    const said = await runInside(inside, script('test -e /tmp/over && echo over || echo not yet'))
    // Who serves lives, and starts nothing: there is no seed any more.
    if (said === 'over\n' || (said === '' && (await isServed(inside)))) {
      return { generation: inside.hello.generation, said: await runInside(inside, [place.attacks, ...posture]) }
    }
    inside.close()
  }
}

async function isServed(inside: Inside): Promise<boolean> {
  return inside.stats().then(
    () => true,
    () => false,
  )
}

const confinement = ({ place }: Ground): ReturnType<typeof attack>[] => [
  attack('posture', {}),
  attack('read-path', { target: place.secret }),
  attack('exec-copy', { dirs: sceneOf(place, 'jail').writable }),
  attack('signal', { victim: place.witness.victim, group: place.witness.group }),
]

function assertConfined(ground: Ground, said: string): void {
  for (const one of confinement(ground)) assertHeld(only(one, said))
}

/** What somebody says who listened at the name by which the host enters, while the host did so. */
async function besideSquatter({ place }: Ground, sandbox: Sandbox): Promise<string> {
  const first = await sandbox.enter()
  const squatter = attack('channel-squat', { socket: sandbox.socket, seconds: 60 })
  const squatting = runInside(first, [place.attacks, ...wordsOf([squatter], sceneOf(place, 'jail'))])
  const wait = script('until test -e /tmp/over; do sleep 0.05; done; echo there')
  assert.equal(await runInside(first, wait), 'there\n')
  for (let round = 0; round < 3; round += 1) {
    const inside = await sandbox.enter()
    assert.deepEqual(inside.hello.generation, first.hello.generation)
    inside.close()
  }
  await runInside(first, script('touch /tmp/enough'))
  return squatting
}
