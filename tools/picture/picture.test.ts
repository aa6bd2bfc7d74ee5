import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spansOf } from './ansi.ts'
import { svgOf } from './svg.ts'

test('Text is split where its style changes, and a style lasts over the end of a line.', () => {
  assert.deepEqual(spansOf('a \x1b[1mb\x1b[22m \x1b[32mc\nd\x1b[39m'), [
    [
      { text: 'a ', bold: false, dim: false, color: undefined },
      { text: 'b', bold: true, dim: false, color: undefined },
      { text: ' ', bold: false, dim: false, color: undefined },
      { text: 'c', bold: false, dim: false, color: 2 },
    ],
    [{ text: 'd', bold: false, dim: false, color: 2 }],
  ])
})

test('A control sequence that the picture does not know is an error, not a gap in the picture.', () => {
  assert.throws(() => spansOf('\x1b[48;5;1mx'), /knows no SGR 48/)
})

test('What a program says is text in the picture, never markup.', () => {
  const svg = svgOf(spansOf('<script>&"'), 'a "title" & more')
  assert.ok(svg.includes('&lt;script&gt;&amp;&quot;'))
  assert.ok(svg.includes('<title>a &quot;title&quot; &amp; more</title>'))
})
