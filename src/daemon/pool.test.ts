import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Served } from '../runtime/served.ts'
import { createPool } from './pool.ts'

/** As much of a served server as a pool looks at. */
function fake(id: string) {
  const ended = Promise.withResolvers<{ exit: undefined; why: string }>()
  const end = (why: string): void => ended.resolve({ exit: undefined, why })
  const served = { id, ended: ended.promise, countTools: async () => 1, discard: async () => end('discarded') }
  return { served: served as unknown as Served, end }
}

/** Starts that the test lets go on. */
function factory() {
  const begun: { resolve: () => void; reject: (error: Error) => void; one: ReturnType<typeof fake> }[] = []
  const told: string[] = []
  const start = async (): Promise<Served> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const one = fake(`gbx-${begun.length}`)
    begun.push({ resolve, reject, one })
    await promise
    return one.served
  }
  return { begun, told, start, tell: (line: string) => void told.push(line) }
}

async function settled(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
}

test('a pool starts one at a time until it is full, and one more for each that is taken', async () => {
  const { begun, start, tell } = factory()
  const pool = createPool({ size: 2, ready: undefined, start, tell })
  assert.deepEqual([begun.length, pool.ready()], [1, 0])
  begun[0]?.resolve()
  await settled()
  assert.deepEqual([begun.length, pool.ready()], [2, 1])
  begun[1]?.resolve()
  await settled()
  assert.deepEqual([begun.length, pool.ready()], [2, 2])
  assert.equal(pool.take()?.id, 'gbx-0')
  assert.equal(pool.take()?.id, 'gbx-1')
  assert.equal(pool.take(), undefined)
  await settled()
  assert.equal(begun.length, 3)
  begun[2]?.resolve()
  await settled()
  begun[3]?.resolve()
  await pool.close()
})

test('one that ends while it waits is handed to nobody, and is replaced', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { begun, told, start, tell } = factory()
  const pool = createPool({ size: 1, ready: fake('gbx-given').served, start, tell })
  assert.deepEqual([pool.ready(), begun.length], [1, 0])
  pool.take()
  await settled()
  begun[0]?.resolve()
  await settled()
  begun[0]?.one.end('it died')
  await settled()
  assert.deepEqual([pool.ready(), begun.length], [0, 1])
  t.mock.timers.tick(250)
  await settled()
  assert.deepEqual([pool.ready(), begun.length], [0, 2])
  assert.match(told.join(), /gbx-0 ended while it waited in the pool: it died/)
  begun[1]?.resolve()
  await settled()
  assert.equal(pool.ready(), 1)
  await pool.close()
})

test('one that ends each time soon after its start is started ever more slowly, then when somebody wants it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { begun, told, start, tell } = factory()
  const pool = createPool({ size: 1, ready: undefined, start, tell })
  let waitedMs = 0
  for (let ms = 250; ms <= 32_000; ms *= 2) {
    const count = begun.length
    begun[count - 1]?.resolve()
    await settled()
    assert.equal(pool.ready(), 1)
    begun[count - 1]?.one.end('it died')
    await settled()
    const delay = Math.min(ms, 30_000)
    t.mock.timers.tick(delay - 1)
    await settled()
    assert.equal(begun.length, count, `not before ${delay} ms`)
    t.mock.timers.tick(1)
    await settled()
    assert.equal(begun.length, count + 1)
    waitedMs += delay
  }
  assert.equal(waitedMs, 61_750)
  for (let left = 0; left < 3; left++) {
    begun.at(-1)?.reject(new Error('it does not start'))
    await settled()
    t.mock.timers.tick(30_000)
    await settled()
  }
  const given = begun.length
  assert.equal(given, 11, 'ten times another, and no more')
  assert.match(told.at(-1) ?? '', /left as it is until the next call/)
  assert.equal(pool.take(), undefined)
  await settled()
  assert.equal(begun.length, given + 1, 'somebody wants one')
  begun.at(-1)?.resolve()
  await settled()
  assert.equal(pool.ready(), 1)
  await pool.close()
})

test('closing discards what waits and what is still being started', async () => {
  const { begun, start, tell } = factory()
  const pool = createPool({ size: 2, ready: undefined, start, tell })
  begun[0]?.resolve()
  await settled()
  const closed = pool.close()
  begun[1]?.resolve()
  await closed
  assert.equal((await begun[0]?.one.served.ended)?.why, 'discarded')
  assert.equal((await begun[1]?.one.served.ended)?.why, 'discarded')
  assert.equal(pool.ready(), 0)
})
