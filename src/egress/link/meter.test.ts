import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createMeter } from './meter.ts'

test('a second has as many bytes as were promised', () => {
  let time = 0
  const meter = createMeter({ bytesPerSecond: 1000, bytes: null }, () => time)
  let moved = 0
  for (let step = 0; step <= 1000; step++) {
    time = step * 10.333
    for (let granted = meter.take(7); granted !== 0; granted = meter.take(7)) moved += Number(granted)
  }
  // 10.333 s, and what was saved up before.
  assert.equal(moved, 10_333 + 250)
})

test('what was not used is not saved for ever', () => {
  let time = 0
  const meter = createMeter({ bytesPerSecond: 1000, bytes: null }, () => time)
  time = 3_600_000
  assert.equal(meter.take(1e9), 250)
  assert.equal(meter.take(1), 0)
})

test('the last byte is the last', () => {
  const meter = createMeter({ bytesPerSecond: null, bytes: 10 })
  assert.deepEqual([meter.take(7), meter.take(7), meter.take(1)], [7, 3, 'never'])
})

test('those who wait have their turns in a circle', (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let time = 0
  const meter = createMeter({ bytesPerSecond: 1000, bytes: null }, () => time)
  assert.equal(meter.take(250), 250)
  const turns: string[] = []
  const wait = (who: string): void =>
    meter.whenFilled(() => {
      turns.push(who)
      meter.take(10)
      wait(who)
    })
  for (const who of ['a', 'b', 'c']) wait(who)
  for (let round = 0; round < 4; round++) {
    time += 10
    t.mock.timers.tick(10)
  }
  assert.deepEqual(turns, ['a', 'b', 'c', 'a'])
  meter.close()
  time += 1000
  t.mock.timers.tick(1000)
  assert.equal(turns.length, 4)
})
