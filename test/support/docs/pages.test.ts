import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchesShown, stepsOf } from './pages.ts'

test('an output is compared line by line, with … for what differs from machine to machine', () => {
  for (const [shown, output] of [
    ['a …  c\n', 'a 17 c\n'],
    ['a\n…\nz\n', 'a\nb\nc\nz\n'],
    ['a\n…\nz\n', 'a\nz\n'],
    ['one.two (x)\n', 'one.two    (x)\n'],
  ] as const)
    assert.ok(matchesShown(shown, output), shown)
  for (const [shown, output] of [
    ['a\n', 'a\nb\n'],
    ['a\nb\n', 'a\n'],
    ['one.two\n', 'onextwo\n'],
    ['a … c\n', 'a\nc\n'],
    ['', 'a\n'],
  ] as const)
    assert.ok(!matchesShown(shown, output), shown)
})

test('a console has commands with what they print, a script only commands', () => {
  assert.deepEqual(stepsOf({ language: 'console', body: '$ a\n$ b c\none\ntwo\n$ d\n' }), [
    { command: 'a', output: undefined },
    { command: 'b c', output: 'one\ntwo\n' },
    { command: 'd', output: undefined },
  ])
  assert.deepEqual(stepsOf({ language: 'sh', body: 'a # b\n\nc\n' }), [
    { command: 'a # b', output: undefined },
    { command: 'c', output: undefined },
  ])
  assert.throws(() => stepsOf({ language: 'console', body: 'one\n$ a\n' }), /output before any command/)
})
