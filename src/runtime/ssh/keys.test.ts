import assert from 'node:assert/strict'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import { newKey } from './keys.ts'

test('every key that is made can be read again', () => {
  for (let count = 0; count < 1000; count++) {
    assert.ok(!(ssh2.utils.parseKey(newKey('a comment')) instanceof Error))
  }
})
