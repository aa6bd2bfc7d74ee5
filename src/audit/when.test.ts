import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseWhen } from './when.ts'

const now = Date.parse('2026-11-21T12:00:00Z')
const when = (text: string): number => parseWhen(text, '--since', now)

test('a time is so long ago, a day, a time of today, or both', () => {
  assert.equal(when('now'), now)
  assert.equal(when('90s'), now - 90_000)
  assert.equal(when('2h'), now - 7_200_000)
  assert.equal(when('1w'), now - 604_800_000)
  assert.equal(when('2026-11-20T07:30:00Z'), Date.UTC(2026, 10, 20, 7, 30))
  assert.equal(when('2026-11-20 07:30+01:00'), Date.UTC(2026, 10, 20, 6, 30))
  assert.equal(when('2026-11-20'), new Date(2026, 10, 20).getTime(), 'midnight here, not in Greenwich')
  assert.equal(when('2026-11-20 07:30'), new Date(2026, 10, 20, 7, 30).getTime())
  const today = new Date(now)
  assert.equal(when('07:30'), new Date(today.getFullYear(), today.getMonth(), today.getDate(), 7, 30).getTime())
})

test('anything else is an error that names the flag and shows what would do', () => {
  for (const text of [
    '',
    'yesterday',
    '2h ago',
    '-2h',
    '2026-13-01',
    '2026-11-32',
    '25:00',
    '1e3h',
    '21.11.2026',
    '1',
  ]) {
    assert.throws(() => when(text), /--since .*not a point in time/, text)
  }
})
