import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { copyFileSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { CallReply } from '../../../src/protocol/daemon.ts'
import { runners } from '../../support/as-user.ts'
import { eventually } from '../../support/eventually.ts'
import { giveImage, testImage } from '../../support/image.ts'
import { configure, household } from '../../support/launching.ts'
import { whyNoMachines } from '../../support/machines.ts'
import { isLong, unlessLong, unlessPresent } from '../../support/requirement.ts'
import { createRandom, named, play, runtimeFiles } from './rounds.ts'

// ORPHAN-0, for machines that the daemon owns. GLOVEBOX_SEED=n repeats the choices of a run.
const seed = Number(process.env['GLOVEBOX_SEED'] ?? randomInt(2 ** 31))
const rounds = isLong() ? 10 : 4
const roles = ['cli', 'daemon', 'launcher', 'qemu'] as const
/** A machine is up in some seconds: what starts and what runs are both met. */
const longestDelayMs = 4000

const missing = unlessPresent('QEMU', whyNoMachines()) || unlessLong('killing machines at random')

test('machines of launched servers', { skip: missing }, async (t) => {
  const [runner] = runners()
  assert.ok(runner)
  const random = createRandom(seed)
  const choose = (below: number): number => Math.floor(random() * below)
  const marker = `${100_000 + choose(900_000)}.${100_000 + choose(900_000)}`
  const house = household(t, runner, { GLOVEBOX_INSIDE: named(t, runner, marker) })
  giveImage(await testImage(), runner, path.join(house.home, 'data'))
  // What a server lies in is packed into its machine's drive: a directory with nothing else.
  const directory = path.join(house.home, 'servers')
  mkdirSync(directory)
  const server = path.join(directory, 'moody-server.mjs')
  copyFileSync(path.join(runner.root, 'test/fixtures/moody-server.mjs'), server)
  const command = [runner.node, server]

  await t.test('VM-LAUNCH: one that is killed is started again, with back-off, and a call waits for it', async () => {
    const { id } = house.launch('--driver', 'microvm', '--name', 'moody', '--', ...command, marker)
    assert.equal(house.ok('call', 'moody', 'count').trim(), '1')
    assert.equal(house.verb('call', 'moody', 'die').status, 5)
    assert.equal(house.ok('call', '--timeout', '300s', 'moody', 'count').trim(), '1')
    const [status] = house.status().servers
    assert.deepEqual([status?.state, status?.restarts], ['running', 1])
    assert.notEqual(status?.id, id)
    house.ok('stop', 'moody')
  })

  await t.test('VM-MANY: several at once on few processors take their time, and none fails', () => {
    const many = house.json('launch-many', '4', '--driver', 'microvm', '--', ...command, marker) as {
      failures: number
      errors: string[]
      memory: { pssMedian: number }
    }
    assert.deepEqual([many.failures, many.errors], [0, []])
    assert.ok(many.memory.pssMedian > 0)
  })

  await t.test('VM-LAUNCH: a pool of machines hands each out once, and fills itself again', async () => {
    const pooled = ['--driver', 'microvm', '--lifetime', 'call', '--pool', '1', '--name', 'moody']
    house.ok('launch', ...pooled, '--', ...command, marker)
    const full = async (): Promise<string> =>
      eventually(() => (house.status().servers[0]?.pool.ready === 1 ? house.status().sandboxes[0]?.id : undefined))
    const waiting = await full()
    const reply = house.json('call', '--timeout', '300s', 'moody', 'count') as CallReply
    assert.deepEqual([reply.sandbox, reply.fresh], [waiting, true])
    assert.notEqual(await full(), waiting)
    house.ok('stop', 'moody')
    assert.deepEqual(house.status().sandboxes, [])
  })

  await t.test('TOOL-ISO: a listed tool runs in a clone of its own, the others in the shared sandbox', async () => {
    const apart = { driver: 'microvm', limits: { openFiles: 77 } }
    const [program = '', ...args] = command
    configure(house, {
      moody: { command: program, args: [...args, marker], sandbox: { tools: { each: { files: apart } } } },
    })
    const { id, driver } = house.launch('moody')
    assert.equal(driver, 'jail')
    const reply = house.json('call', '--timeout', '300s', 'moody', 'files') as CallReply
    assert.equal(reply.fresh, true)
    assert.match(JSON.stringify(reply.result), /"77"/)
    assert.deepEqual(
      house.status().sandboxes.map((sandbox) => sandbox.id),
      [id],
    )
    house.ok('stop', 'moody')
  })

  await t.test(`ORPHAN-0: nothing is left of machines, whoever is killed and when (${rounds} rounds)`, async () => {
    t.diagnostic(`seed ${seed}`)
    for (let round = 0; round < rounds; round++) {
      const role = roles[choose(roles.length)] ?? 'qemu'
      const flags = ['--driver', 'microvm', ...(choose(2) === 0 ? [] : ['--lifetime', 'call', '--pool', '1'])]
      await play(house, { role, flags, command, marker, delayMs: choose(longestDelayMs) })
    }
    house.ok('daemon', 'stop')
    assert.deepEqual(runtimeFiles(house), ['daemon.lock'])
  })
})
