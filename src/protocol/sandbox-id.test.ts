import assert from 'node:assert/strict'
import { test } from 'node:test'
import { meansId } from './sandbox-id.ts'

test('an id is meant by all of it and by its beginning, but not by what every id begins with', () => {
  const meant = ['gbx-0123456789ab', 'gbx-01'].map((word) => meansId(word, 'gbx-0123456789ab'))
  assert.deepEqual(meant, [true, true])
  const others = ['', 'g', 'gbx-', 'gbx-0', 'gbx-02', '0123456789ab'].map((word) => meansId(word, 'gbx-0123456789ab'))
  assert.deepEqual(others, [false, false, false, false, false, false])
})
