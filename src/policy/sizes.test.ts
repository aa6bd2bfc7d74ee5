import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GloveboxError } from '../errors.ts'
import { formatBytes, parseCount, parseCpus, parseDuration, parseSize } from './sizes.ts'

test('a size counts in powers of 1024, and a bare number in MiB', () => {
  assert.equal(parseSize('512M', '--memory'), 512 * 1024 ** 2)
  assert.equal(parseSize('1.5G', '--memory'), 1.5 * 1024 ** 3)
  assert.equal(parseSize('64KiB', '--memory'), 65_536)
  assert.equal(parseSize('100b', '--memory'), 100)
  assert.equal(parseSize('256', '--memory'), 256 * 1024 ** 2)
})

test('what is no size is refused with the flag that it was given to', () => {
  for (const text of ['', '-1M', '0', '1e9', '12X', 'M', '1 2', '999999999999G', '0x10', 'NaN']) {
    assert.throws(
      () => parseSize(text, '--memory'),
      (error) =>
        error instanceof GloveboxError && error.code === 'POLICY_INVALID' && error.message.startsWith('--memory'),
      text,
    )
  }
})

test('a duration counts in seconds unless it says otherwise', () => {
  assert.equal(parseDuration('90', '--time'), 90_000)
  assert.equal(parseDuration('250ms', '--time'), 250)
  assert.equal(parseDuration('1.5h', '--time'), 5_400_000)
  for (const text of ['', '0', '-1s', '1d', '30d', '25000h'])
    assert.throws(() => parseDuration(text, '--time'), /--time/, text)
})

test('CPUs may be a fraction, and counts may not', () => {
  assert.equal(parseCpus('0.5', '--cpus'), 0.5)
  assert.equal(parseCount('64', '--pids'), 64)
  for (const text of ['0', '-1', 'two', '1e3', '2000', ''])
    assert.throws(() => parseCpus(text, '--cpus'), /--cpus/, text)
  for (const text of ['0', '1.5', '-4', '99999999999', ''])
    assert.throws(() => parseCount(text, '--pids'), /--pids/, text)
})

test('bytes are written with at most one decimal', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 512 * 1024 ** 2, 1024 ** 5].map(formatBytes), [
    '0 B',
    '1023 B',
    '1 KiB',
    '1.5 KiB',
    '512 MiB',
    '1024 TiB',
  ])
})
