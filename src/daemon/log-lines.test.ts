import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logLines } from './log-lines.ts'

async function* bytes(...parts: (string | Buffer)[]): AsyncIterable<Buffer> {
  for (const part of parts) yield Buffer.from(part)
}

async function linesOf(...parts: (string | Buffer)[]): Promise<string[]> {
  const lines = await Array.fromAsync(logLines('files', bytes(...parts)))
  assert.ok(lines.every(({ schema, server }) => schema === 'glovebox/log-line/1' && server === 'files'))
  return lines.map(({ line, continues }) => `${line}${continues === true ? '…' : ''}`)
}

test('lines come as they were written, however they were cut', async () => {
  assert.deepEqual(await linesOf('one\ntw', 'o\n', '\nlast'), ['one', 'two', '', 'last'])
  assert.deepEqual(await linesOf(''), [])
  assert.deepEqual(await linesOf('one\n'), ['one'])
})

test('a character that was cut is whole again, and what is none does not stop the rest', async () => {
  const [first, second] = [Buffer.from('ü').subarray(0, 1), Buffer.from('ü').subarray(1)]
  assert.deepEqual(await linesOf(first, second, '\n'), ['ü'])
  assert.deepEqual(await linesOf(Buffer.from([0xff, 10]), 'on\n', first), ['\u{fffd}', 'on', '\u{fffd}'])
})

test('a line without an end is told in pieces, and not held', async () => {
  const piece = 'x'.repeat(64 * 1024)
  assert.deepEqual(await linesOf(piece, piece, 'y\n'), [`${piece}…`, `${piece}y`])
  const many = await linesOf(piece.repeat(5))
  assert.equal(many.join('').replaceAll('…', ''), piece.repeat(5))
  assert.equal(many.length, 5)
})
