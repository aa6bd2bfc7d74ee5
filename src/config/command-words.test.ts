import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { commandOf, splitWords } from './command-words.ts'

test('a line is split as a shell splits words', () => {
  assert.deepEqual(splitWords('node  server.js --x "a b" \'c "d\' e\\ f ""'), [
    'node',
    'server.js',
    '--x',
    'a b',
    'c "d',
    'e f',
    '',
  ])
  assert.deepEqual(splitWords('a"b"c \'$x\' "\\$y"'), ['abc', '$x', '$y'])
})

test('what only a shell could do is an error', () => {
  for (const line of [
    'a | b',
    'a; b',
    'a && b',
    'a > f',
    '$(x)',
    '`x`',
    '"$HOME"',
    'a *',
    '~/x',
    'a\nb',
    '"open',
    'a\\',
    '',
  ]) {
    assert.throws(() => splitWords(line), /--command/, line)
  }
})

test('words that were quoted come back as they were', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (words) => {
      const line = words.map((word) => `'${word.replaceAll("'", `'"'"'`)}'`).join(' ')
      assert.deepEqual(splitWords(line), words)
    }),
  )
})

test('a command is given once', () => {
  assert.deepEqual(commandOf(['node', 'x'], undefined), ['node', 'x'])
  assert.throws(() => commandOf([], undefined), /no command/)
  assert.throws(() => commandOf(['node'], 'node'), /both/)
})
