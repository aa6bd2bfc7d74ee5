import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readArguments } from './arguments.ts'

const known = ['start', 'calls']

test('Cases, a count and switches are read, and what is left out has its default.', () => {
  assert.deepEqual(readArguments(['calls', '--runs', '5', '--save'], known), {
    cases: ['calls'],
    runs: 5,
    save: true,
    json: false,
    clone: false,
  })
  assert.deepEqual(readArguments([], known), { cases: [], runs: 200, save: false, json: false, clone: false })
})

test('What nobody can do is named, with where to look, and help is no failure.', () => {
  for (const [words, said] of [
    [['strat'], /no case is named strat; there are start, calls/],
    [['--runs', '0'], /--runs 0: a count/],
    [['--runs=many'], /--runs many: a count/],
    [['--quick'], /Unknown option '--quick'$/m],
  ] as const) {
    const found = readArguments(words, known)
    assert.ok('say' in found && found.code === 2)
    assert.match(found.say, said)
    assert.match(found.say, /fix: .*--help/)
  }
  const help = readArguments(['-h'], known)
  assert.ok('say' in help && help.code === 0)
  assert.match(help.say, /Cases: start, calls/)
})
