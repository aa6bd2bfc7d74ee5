import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { genesis, seal, unseal } from './chain.ts'

test('a line is the event with prev and hash as the last members of unmapped', () => {
  const prev = genesis('gbx-1')
  const { line, hash } = seal({ time: 1, unmapped: { a: 'ü' } }, prev)
  assert.equal(line, `{"time":1,"unmapped":{"a":"ü","prev":"${prev}","hash":"${hash}"}}\n`)
  assert.equal(hash, createHash('sha256').update(`{"time":1,"unmapped":{"a":"ü","prev":"${prev}"`).digest('hex'))
})

test('an empty unmapped takes them too', () => {
  const { line } = seal({ unmapped: {} }, genesis('gbx-1'))
  assert.deepEqual(Object.keys((JSON.parse(line) as { unmapped: object }).unmapped), ['prev', 'hash'])
})

test('a line that was sealed is unsealed with the same two hashes', () => {
  const prev = genesis('gbx-1')
  const { line, hash } = seal({ text: 'a\n"},{\ud800', unmapped: {} }, prev)
  assert.equal(line.indexOf('\n'), line.length - 1)
  assert.deepEqual(unseal(Buffer.from(line.trimEnd())), { prev, claimed: hash, computed: hash })
})

test('what does not end like a line of a chain is not unsealed', () => {
  const { line } = seal({ unmapped: {} }, genesis('gbx-1'))
  for (const text of [
    '',
    '{}',
    line.slice(1, 100),
    line.trimEnd().slice(-148),
    line,
    `${line.trimEnd()} `,
    line.replace('prev', 'PREV').trimEnd(),
  ]) {
    assert.equal(unseal(Buffer.from(text)), undefined, text)
  }
})

test('the first line of two sandboxes names different lines before', () => {
  assert.notEqual(genesis('gbx-1'), genesis('gbx-2'))
})
