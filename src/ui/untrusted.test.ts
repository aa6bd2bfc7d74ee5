import assert from 'node:assert/strict'
import { test } from 'node:test'
import { untrusted, untrustedLog } from './untrusted.ts'

test('nothing that moves, hides or answers gets to a terminal', () => {
  assert.equal(
    untrusted('a\u001b]0;title\u0007b\nc\u202Ed\u200B'),
    String.raw`a\u{1b}]0;title\u{7}b\u{a}c\u{202e}d\u{200b}`,
  )
  assert.equal(untrusted('naïve 日本 🙂'), 'naïve 日本 🙂')
})

test('a log keeps its lines and colours, and no other sequence', () => {
  assert.equal(untrustedLog('\u001b[31mred\u001b[0m\tx\r\n'), '\u001b[31mred\u001b[0m\tx\r\n')
  assert.equal(untrustedLog('\u001b[2J\u001b]52;c;x\u0007\u009b6n'), String.raw`\u{1b}[2J\u{1b}]52;c;x\u{7}\u{9b}6n`)
})
