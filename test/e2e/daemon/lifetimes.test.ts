import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { CallReply } from '../../../src/protocol/daemon.ts'
import { usualRunners } from '../../support/as-user.ts'
import { eventually } from '../../support/eventually.ts'
import { configure, household, moody, type Household } from '../../support/launching.ts'

for (const runner of usualRunners()) {
  test(`EPHEMERAL: a shared server that dies fails the call in flight and is started again (${runner.name})`, async (t) => {
    const house = household(t, runner)
    const { id } = house.launch('--name', 'moody', '--', ...moody(runner))
    assert.equal(count(house), '1')
    const died = house.verb('call', 'moody', 'die')
    assert.equal(died.status, 5, died.stderr)
    assert.match(died.stderr, /exit code 7/)
    assert.equal(count(house), '1', 'a call waits for the new one, which has counted nothing yet')
    const [server] = house.status().servers
    assert.deepEqual([server?.state, server?.restarts], ['running', 1])
    assert.notEqual(server?.id, id)
    assert.match(house.ok('exec', 'moody', '--', 'echo', 'inside'), /inside/)
  })

  test(`EPHEMERAL: a call that comes after a shared server has closed its output goes to the next one (${runner.name})`, (t) => {
    const house = household(t, runner)
    house.ok('launch', '--name', 'moody', '--', ...moody(runner))
    assert.equal(count(house), '1')
    assert.equal(house.ok('call', 'moody', 'mute'), 'my last word\n')
    assert.equal(count(house), '1')
    assert.match(
      readFileSync(path.join(house.home, 'state/logs/daemon/daemon.log'), 'utf8'),
      /"moody" closed its output, and was ended/,
    )
  })

  test(`EPHEMERAL: with lifetime "call" each call has a fresh sandbox, and nothing stays (${runner.name})`, (t) => {
    const house = household(t, runner)
    const { state } = house.launch('--lifetime', 'call', '--name', 'moody', '--', ...moody(runner))
    assert.equal(state, 'ready')
    const [first, second] = [1, 2].map(() => house.json('call', 'moody', 'count') as CallReply)
    assert.ok(first !== undefined && second !== undefined)
    assert.deepEqual([textIn(first), textIn(second)], ['1', '1'])
    assert.ok(first.fresh && first.sandbox !== second.sandbox)
    assert.deepEqual(house.status().sandboxes, [])
  })

  test(`EPHEMERAL: a pool is up ahead of need, hands each out once, and fills itself again (${runner.name})`, async (t) => {
    const house = household(t, runner)
    house.ok('launch', '--lifetime', 'call', '--pool', '2', '--name', 'moody', '--', ...moody(runner))
    await full(house)
    const waiting = house.status().sandboxes.map(({ id }) => id)
    assert.equal(waiting.length, 2)
    const used = [1, 2, 3].map(() => {
      const reply = house.json('call', 'moody', 'count') as CallReply
      assert.equal(textIn(reply), '1')
      return reply.sandbox
    })
    assert.equal(new Set(used).size, 3)
    assert.ok(waiting.includes(used[0] ?? ''))
    await full(house)
    assert.ok(house.status().sandboxes.every(({ id, spare }) => !used.includes(id) && spare))
    assert.equal(house.verb('exec', 'moody', '--', 'true').status, 2, 'one that waits is nobody’s to enter by its name')
    house.ok('stop', 'moody')
    assert.deepEqual(house.status().sandboxes, [])
  })

  test(`EPHEMERAL: with lifetime "session" each launch is another one, out of the pool where there is one (${runner.name})`, async (t) => {
    const house = household(t, runner)
    const again = ['--lifetime', 'session', '--pool', '1', '--name', 'moody', '--', ...moody(runner)]
    const first = house.launch(...again)
    await full(house)
    const second = house.launch(...again)
    assert.deepEqual([first.fromPool, second.fromPool], [false, true])
    assert.notEqual(first.id, second.id)
    const { sandboxes } = house.json('stats') as { sandboxes: readonly { id: string }[] }
    assert.deepEqual(
      sandboxes.map(({ id }) => id).toSorted(),
      [first.id, second.id].toSorted(),
      'spares use nothing that is asked for',
    )
    assert.deepEqual([first.pool.wanted, second.pool.wanted], [1, 0], 'one pool for both')
    assert.equal(house.ok('call', second.id, 'count'), '1\n')
    assert.equal(house.ok('call', first.id, 'count'), '1\n')
    assert.equal(house.verb('call', 'moody', 'count').status, 2, 'the name means both')
  })

  test(`TOOL-ISO: a listed tool runs in a fresh sandbox with its own limits, the others in the shared one (${runner.name})`, (t) => {
    const house = household(t, runner)
    const [command = '', ...args] = moody(runner)
    configure(house, {
      moody: {
        command,
        args,
        sandbox: { tools: { each: { files: { lifetime: 'call', limits: { openFiles: 77 } } } } },
      },
    })
    const { id } = house.launch('moody')
    const [apart, again] = [1, 2].map(() => house.json('call', 'moody', 'files') as CallReply)
    assert.ok(apart !== undefined && again !== undefined)
    assert.deepEqual([apart.fresh, textIn(apart)], [true, '77'])
    assert.equal(new Set([apart.sandbox, again.sandbox, id]).size, 3)
    assert.equal(count(house), '1')
    const shared = house.json('call', 'moody', 'count') as CallReply
    assert.deepEqual([shared.fresh, shared.sandbox, textIn(shared)], [false, id, '2'])
    assert.deepEqual(
      house.status().sandboxes.map((sandbox) => sandbox.id),
      [id],
    )
  })

  test(`EPHEMERAL: a server without a request for its idle time is stopped (${runner.name})`, async (t) => {
    const house = household(t, runner)
    house.ok('launch', '--idle', '300ms', '--name', 'moody', '--', ...moody(runner))
    await eventually(() => (house.status().servers.length === 0 ? true : undefined))
    assert.deepEqual(house.status().sandboxes, [])
    assert.equal(house.verb('call', 'moody', 'count').status, 127)
  })

  test(`EPHEMERAL: a server that dies again and again is started again, and that is told (${runner.name})`, async (t) => {
    const house = household(t, runner)
    house.ok('launch', '--name', 'moody', '--', ...moody(runner))
    for (const restarts of [1, 2, 3]) {
      assert.equal(house.verb('call', 'moody', 'die').status, 5)
      await eventually(() => (house.status().servers[0]?.restarts === restarts ? true : undefined))
    }
    assert.match(house.ok('status'), /started again 3 times/)
  })
}

function count(house: Household): string {
  return house.ok('call', 'moody', 'count').trim()
}

async function full(house: Household): Promise<void> {
  await eventually(() => (house.status().servers.every(({ pool }) => pool.ready === pool.wanted) ? true : undefined))
}

function textIn({ result }: CallReply): unknown {
  const [block] = (result?.['content'] ?? []) as { text?: unknown }[]
  return block?.text
}
