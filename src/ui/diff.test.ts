import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { diffLines } from './diff.ts'

const marked = (before: string, after: string, context?: number): string[] =>
  diffLines(before, after, context).map(({ mark, text }) => `${mark}${text}`)

test('changed lines are shown with what is around them', () => {
  assert.deepEqual(marked('a\nb\nc\n', 'a\nB\nc\n'), [' a', '-b', '+B', ' c'])
  assert.deepEqual(marked('a\n', 'a\n'), [])
  assert.deepEqual(marked('', 'a\nb'), ['+a', '+b'])
})

test('unchanged lines far from a change are left out', () => {
  const before = Array.from({ length: 20 }, (_, index) => `line ${index}`)
  const after = before.with(1, 'one').with(18, 'eighteen')
  assert.deepEqual(marked(before.join('\n'), after.join('\n'), 1), [
    ' line 0',
    '-line 1',
    '+one',
    ' line 2',
    ' …',
    ' line 17',
    '-line 18',
    '+eighteen',
    ' line 19',
  ])
})

test('what is kept and added, in order, is the text after; what is kept and removed the text before', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 })
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const all = diffLines(before.join('\n'), after.join('\n'), 100)
      const text = (marks: string): string[] => all.filter(({ mark }) => marks.includes(mark)).map((line) => line.text)
      if (before.join('\n') === after.join('\n')) assert.deepEqual(all, [])
      else {
        assert.deepEqual(text(' -'), before)
        assert.deepEqual(text(' +'), after)
      }
    }),
  )
})

test('texts too long to be compared line by line are told as a whole, soon', () => {
  const long = (word: string): string => Array.from({ length: 5000 }, (_, index) => `${word} ${index}`).join('\n')
  assert.equal(diffLines(long('a'), long('b')).length, 10_000)
})
