import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBackOff } from './back-off.ts'

test('each end in a row doubles the wait, up to a bound, and in the end it is given up', () => {
  const backOff = createBackOff()
  const waits = Array.from({ length: 11 }, () => backOff.next(100))
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, undefined])
})

test('a server that has lived for a while begins anew', () => {
  const backOff = createBackOff()
  for (let times = 0; times < 5; times++) backOff.next(0)
  assert.equal(backOff.next(60_000), 250)
  assert.equal(backOff.next(59_999), 500)
})
