import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import type { Purses } from '../audit/budget.ts'
import { places } from '../system/places.ts'
import type { ServedEnd } from '../runtime/attended.ts'
import type { Served } from '../runtime/served.ts'
import { createFleet, type Fleet } from './fleet.ts'
import type { Request } from './launched.ts'
import type { State } from './state.ts'

interface Begun {
  readonly signal: AbortSignal
  readonly purses: Purses
  /** It has shaken hands. */
  readonly up: () => void
  /** How it was ended; undefined while it runs. */
  readonly how: () => string | undefined
  readonly die: () => void
  /** It cannot start. */
  readonly fail: () => void
}

/** A fleet whose sandboxes the test lets start. `deaf`: a start goes on although it is not wanted any more. */
function bench(t: TestContext, { deaf = false } = {}): { fleet: Fleet; begun: Begun[] } {
  const home = mkdtempSync(path.join(tmpdir(), 'glovebox-fleet-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const begun: Begun[] = []
  const state: State = { begin: () => 0, launched() {}, ended() {}, recent: () => [], close() {} }
  const fleet = createFleet({
    places: places({ GLOVEBOX_HOME: home }),
    state,
    tell: () => undefined,
    onChange: () => undefined,
    async startServed({ signal, purses }) {
      const started = Promise.withResolvers<void>()
      const ended = Promise.withResolvers<ServedEnd>()
      let how: string | undefined
      const end = (why: string): void => {
        how ??= why
        ended.resolve({ exit: undefined, why, synced: undefined })
      }
      const served = {
        id: `gbx-${begun.length}`,
        pid: process.pid,
        startedMs: Date.now(),
        took: { sandboxMs: 0, handshakeMs: 0 },
        self: { name: 'x', version: '1', protocolVersion: '1', era: 'stateful' },
        lastDenial: () => undefined,
        countTools: async () => 1,
        handOut: () => undefined,
        published: [],
        leaving: ended.promise.then(() => undefined),
        ended: ended.promise,
        stop: async () => end('stopped'),
        discard: async () => end('discarded'),
      }
      if (!deaf) signal.addEventListener('abort', () => started.reject(signal.reason), { once: true })
      begun.push({
        signal,
        purses,
        up: () => started.resolve(),
        how: () => how,
        die: () => end('it died'),
        fail: () => started.reject(new Error('it does not start')),
      })
      await started.promise
      return served as unknown as Served
    },
  })
  return { fleet, begun }
}

function request(name: string): Request {
  const placement = { lifetime: 'shared', pool: 0, idleMs: undefined }
  return {
    name,
    plan: { driver: 'jail' },
    placement,
    each: {},
    requestTimeMs: undefined,
    env: {},
  } as unknown as Request
}

const never = new AbortController().signal
const isEnding = { code: 'FAILED', message: 'the daemon was asked to end' }

async function launch(fleet: Fleet, begun: readonly Begun[], name: string): Promise<void> {
  const launching = fleet.launch(request(name), never)
  await settled()
  begun.at(-1)?.up()
  await launching
}

async function isUnderWay(work: Promise<unknown>): Promise<boolean> {
  let isOver = false
  void work.finally(() => (isOver = true))
  await settled()
  return !isOver
}

async function settled(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
}

test('a fleet that closes ends what is being started too, and launches nothing any more', async (t) => {
  const { fleet, begun } = bench(t)
  const first = fleet.launch(request('runs'), never)
  await settled()
  begun[0]?.up()
  await first
  const second = assert.rejects(fleet.launch(request('starts'), never), isEnding)
  await settled()
  const closed = fleet.close()
  await assert.rejects(fleet.launch(request('late'), never), isEnding)
  await Promise.all([closed, second])
  assert.deepEqual([fleet.size(), begun.length], [0, 2])
  assert.equal(begun[0]?.how(), 'stopped')
  assert.equal(begun[0]?.signal.aborted, false, 'what runs is ended politely')
})

test('a start that does not hear of the end is waited for, and stopped when it is up', async (t) => {
  const { fleet, begun } = bench(t, { deaf: true })
  const launching = assert.rejects(fleet.launch(request('deaf'), never), isEnding)
  await settled()
  const closed = fleet.close()
  assert.ok(await isUnderWay(closed))
  begun[0]?.up()
  await Promise.all([closed, launching])
  assert.equal(begun[0]?.how(), 'stopped')
  assert.equal(fleet.size(), 0)
})

test('to stop all ends what is being started too, and is done when nothing of it is left', async (t) => {
  const { fleet, begun } = bench(t, { deaf: true })
  const launching = assert.rejects(fleet.launch(request('starts'), never), /all servers were asked to stop/)
  await settled()
  const stopping = fleet.stopAll()
  assert.ok(await isUnderWay(stopping))
  begun[0]?.up()
  await launching
  assert.deepEqual(await stopping, { stopped: [] })
  assert.equal(begun[0]?.how(), 'stopped')
  await launch(fleet, begun, 'starts')
  assert.equal(fleet.size(), 1)
})

test('to stop a server waits for the sandbox in which it was being started again', async (t) => {
  const { fleet, begun } = bench(t, { deaf: true })
  await launch(fleet, begun, 'x')
  begun[0]?.die()
  await eventually(() => begun[1])
  const stopping = fleet.stop('x')
  assert.ok(await isUnderWay(stopping))
  begun[1]?.up()
  await stopping
  assert.equal(begun[1]?.how(), 'discarded')
})

test('to stop a server waits for the sandbox that was being started for a call', async (t) => {
  const { fleet, begun } = bench(t, { deaf: true })
  const { plan } = request('x')
  const apart: Request = { ...request('x'), each: { slow: { plan, requestTimeMs: undefined } } }
  const launching = fleet.launch(apart, never)
  await settled()
  begun[0]?.up()
  await launching
  const calling = assert.rejects(fleet.find('x').call('slow', {}, { timeMs: 60_000, signal: never }), /was stopped/)
  await eventually(() => begun[1])
  const stopping = fleet.stop('x')
  assert.ok(await isUnderWay(stopping))
  begun[1]?.up()
  await Promise.all([stopping, calling])
  assert.equal(begun[1]?.how(), 'discarded')
})

test('a server that ends and is started again has no more to record than one that stays; another one has its own', async (t) => {
  const { fleet, begun } = bench(t)
  await launch(fleet, begun, 'x')
  begun[0]?.die()
  await eventually(() => begun[1])
  begun[1]?.up()
  await launch(fleet, begun, 'y')
  const [first, again, other] = begun.map(({ purses }) => purses)
  assert.ok(first)
  assert.equal(again, first)
  assert.notEqual(other, first)
})

test('a launch that waits for another of its name is over in its own time', async (t) => {
  const { fleet, begun } = bench(t)
  const first = fleet.launch(request('x'), never)
  await settled()
  const late = { code: 'TIMED_OUT', message: /"x" had not started and answered within 0.05 s/ }
  await assert.rejects(fleet.launch({ ...request('x'), startTimeMs: 50 }, never), late)
  begun[0]?.up()
  await first
  assert.equal(begun.length, 1)
})

test('of two launches that find a server given up, one has its name, and the other hears that it runs', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { fleet, begun } = bench(t)
  const first = fleet.launch(request('x'), never)
  await settled()
  begun[0]?.up()
  await first
  begun[0]?.die()
  // Tried again until it is given up.
  while (fleet.find('x').status().state !== 'failed') {
    begun.slice(1).forEach(({ fail }) => fail())
    t.mock.timers.tick(30_000)
    await settled()
    assert.ok(begun.length < 50)
  }
  const tried = begun.length
  const [one, other] = [fleet.launch(request('x'), never), fleet.launch(request('x'), never)]
  const refused = assert.rejects(other, /"x" runs already, as /)
  await settled()
  assert.equal(begun.length, tried + 1)
  begun.at(-1)?.up()
  assert.equal((await one).status.name, 'x')
  await refused
  assert.equal(fleet.list().servers.length, 1)
  await fleet.close()
})
