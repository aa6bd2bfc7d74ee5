import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { maxLineBytes, readLines } from './lines.ts'
import { withDirectory } from '../../test/support/record.ts'

function read(path: string, from?: number): { text: string; end: number; whole: boolean }[] {
  return Array.from(readLines(path, from), ({ bytes, end, whole }) => ({ text: bytes.toString(), end, whole }))
}

test('lines come with the offset that follows each', () => {
  withDirectory((directory) => {
    const path = join(directory, 'x')
    writeFileSync(path, 'a\n\nbé\ntorn')
    assert.deepEqual(read(path), [
      { text: 'a', end: 2, whole: true },
      { text: '', end: 3, whole: true },
      { text: 'bé', end: 7, whole: true },
      { text: 'torn', end: 11, whole: false },
    ])
    assert.deepEqual(read(path, 3)[0], { text: 'bé', end: 7, whole: true })
  })
})

test('lines across the pieces that are read at once are whole', () => {
  withDirectory((directory) => {
    const path = join(directory, 'x')
    const lines = Array.from({ length: 40 }, (_, index) => `${index}:${'x'.repeat(index * 997)}`)
    writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
    const found = read(path).map(({ text }) => text)
    assert.ok(found.length === lines.length && found.every((text, index) => text === lines[index]))
  })
})

test('a line longer than any of ours is given up, in bounded memory', () => {
  withDirectory((directory) => {
    const path = join(directory, 'x')
    writeFileSync(path, `a\n${'x'.repeat(3 * maxLineBytes)}\nb\n`)
    const lines = read(path)
    assert.equal(lines.length, 2)
    assert.equal(lines[1]?.whole, false)
    assert.ok((lines[1]?.text.length ?? 0) < maxLineBytes + 512 * 1024)
  })
})
