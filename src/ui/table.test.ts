import assert from 'node:assert/strict'
import { test } from 'node:test'
import { table } from './table.ts'

const rows = [
  ['yes', 'network', 'a namespace of its own, with nothing in it but a loopback', 'seccomp'],
  ['NO', 'disk', 'short', ''],
]

test('columns are aligned, and styled cells keep their width', () => {
  assert.equal(
    table([
      ['a', 'bb'],
      ['\u{1b}[1mccc\u{1b}[22m', 'd'],
    ]),
    'a    bb\n\u{1b}[1mccc\u{1b}[22m  d',
  )
})

test('a table as wide as its terminal is not broken, and without one none is', () => {
  const whole = table(rows)
  const width = Math.max(...whole.split('\n').map((line) => line.length))
  assert.equal(table(rows, width), whole)
  assert.notEqual(table(rows, width - 1), whole)
})

test('the widest column is broken between words, and nothing of it is lost', () => {
  const lines = table(rows, 50).split('\n')
  assert.ok(
    lines.every((line) => line.length <= 50),
    lines.join('\n'),
  )
  const words = lines.join(' ').split(/ +/)
  for (const word of rows.flat().join(' ').split(' ').filter(Boolean)) assert.ok(words.includes(word), word)
})

test('a style goes on over the break, and where there is no room nothing is broken', () => {
  const dim = '\u{1b}[2mone two three four five six\u{1b}[22m'
  assert.equal(table([['x', dim]], 20).replace(/\n {3}/, ' '), `x  ${dim}`)
  assert.equal(table(rows, 10), table(rows))
})
