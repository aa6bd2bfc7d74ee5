import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasKey, wordAt } from './json-read.ts'
import { createJsonScanner } from './json-scan.ts'

const words = ['id', 'method', 'params'] as const

test('A known word is found byte for byte, and nothing else is taken for one.', () => {
  const at = (text: string): string | undefined => wordAt(Buffer.from(text), 0, Buffer.byteLength(text), words)
  assert.deepEqual(words.map(at), [...words])
  for (const text of ['', 'i', 'Id', 'idx', 'metho', 'paramz', 'm\\u0065thod', 'ïd']) assert.equal(at(text), undefined)
  assert.equal(wordAt(Buffer.from('xidx'), 1, 3, words), 'id')
})

test('A member has its key in whichever spelling, and no other.', () => {
  for (const [spelled, has] of [
    ['jsonrpc', true],
    ['json\\u0072pc', true],
    ['\\u006a\\u0073onrpc', true],
    ['jsonrp', false],
    ['jsonrpd', false],
    ['jsonrpc2', false],
    ['JSONRPC', false],
    ['jsonrp\\u0063x', false],
  ] as const) {
    const bytes = Buffer.from(`{"${spelled}":1}`)
    const [member] = createJsonScanner(8)(bytes, 0, bytes.length, 8).members
    assert.ok(member)
    assert.equal(hasKey(bytes, member, 'jsonrpc'), has, spelled)
  }
})
