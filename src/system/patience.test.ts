import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '../../test/support/eventually.ts'
import { patience, waitedBy } from './patience.ts'

test('who has had the time is given up, and who was kept from using it is not', async () => {
  const over: string[] = []
  let kept = 0
  patience(40, () => over.push('free'))
  patience(
    40,
    () => over.push('kept'),
    () => kept,
  )
  const growing = setInterval(() => (kept += 1000), 5)
  await eventually(() => (over.includes('free') ? true : undefined))
  await pause(80)
  assert.deepEqual(over, ['free'])
  clearInterval(growing)
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
