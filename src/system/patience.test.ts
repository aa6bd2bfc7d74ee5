import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { patience, waitedBy } from './patience.ts'

/** The clock that `patience` reads, which goes on only by what it is told to: a pause of the process is none of it. */
function ownClock(t: TestContext): (ms: number) => Promise<void> {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return async (ms) => {
    for (let passed = 0; passed < ms; passed++) {
      now += 1
      t.mock.timers.tick(1)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('who has had the time is given up, and who was kept from using it is not, until ten times as long', async (t) => {
  const pass = ownClock(t)
  const over: string[] = []
  patience(40, () => over.push('free'))
  patience(
    40,
    () => over.push('kept'),
    () => performance.now(),
  )
  await pass(39)
  assert.deepEqual(over, [])
  await pass(1)
  assert.deepEqual(over, ['free'])
  await pass(359)
  assert.deepEqual(over, ['free'])
  // It is looked again after 50 ms at the latest.
  await pass(50)
  assert.deepEqual(over, ['free', 'kept'])
})

test('nobody is waited for longer than ten times as long', async () => {
  const from = performance.now()
  await new Promise<void>((resolve) => void patience(20, resolve, () => performance.now() * 2))
  assert.ok(performance.now() - from >= 199)
})

test('what is taken back does not come, though its time is over already', async () => {
  const over: string[] = []
  const takeBack = patience(1, () => over.push('over'))
  // In the same turn, behind it: an answer is read later in that turn.
  setTimeout(takeBack, 1)
  const until = performance.now() + 5
  while (performance.now() < until);
  await pause(10)
  assert.deepEqual(over, [])
})

test('a process that competes for its processor has waited, and one that has ended waits no longer', () => {
  const waited = waitedBy(process.pid)
  const first = waited()
  assert.ok(first >= 0 && Number.isFinite(first))
  assert.ok(waited() >= first)
  assert.equal(waitedBy(2 ** 30)(), 0)
})
