import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summarize } from './stats.ts'

test('Quantiles lie between the nearest values, whatever the order of the measurements.', () => {
  assert.deepEqual(summarize([4, 1, 3, 2]), {
    runs: 4,
    median: 2.5,
    p95: 3.8499999999999996,
    p99: 3.9699999999999998,
    min: 1,
  })
})

test('One measurement is its own median and its own worst case.', () => {
  assert.deepEqual(summarize([7]), { runs: 1, median: 7, p95: 7, p99: 7, min: 7 })
})

test('A summary of nothing is an error, not a zero.', () => {
  assert.throws(() => summarize([]), /nothing was measured/)
})
