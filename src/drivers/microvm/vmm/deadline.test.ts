import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Exit } from '../../driver.ts'
import { killedFromOutside } from '../../launcher/follow.ts'
import { createDeadline } from './deadline.ts'

test('a machine whose guest does not keep the time is ended, and told as timed out', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const killed = Promise.withResolvers<Exit>()
  const deadline = createDeadline(1000, () => killed.resolve(killedFromOutside))
  const told = deadline.tell(killed.promise)
  deadline.begin()
  context.mock.timers.tick(7000)
  assert.deepEqual(await told, { ...killedFromOutside, timedOut: true })
})

test('a program that ended in time, or has no limit, is not touched', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let count = 0
  const onPassed = (): void => void (count += 1)
  const [inTime, unlimited, never] = [1000, undefined, 1000].map((limit) => createDeadline(limit, onPassed))
  inTime?.begin()
  unlimited?.begin()
  context.mock.timers.tick(5999)
  assert.equal(count, 0, 'an honest launcher comes first')
  inTime?.end()
  never?.end()
  never?.begin()
  context.mock.timers.tick(100_000)
  assert.equal(count, 0)
  assert.deepEqual(await inTime?.tell(Promise.resolve(killedFromOutside)), killedFromOutside)
})

test('a limit of months does not end anything at once', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let passed = false
  createDeadline(2 ** 32, () => (passed = true)).begin()
  context.mock.timers.tick(2 ** 31)
  assert.ok(!passed)
  // A timer that is set in a tick counts from the tick's end.
  for (let waited = 0; waited < 2; waited += 1) context.mock.timers.tick(2 ** 31)
  assert.ok(passed)
})
