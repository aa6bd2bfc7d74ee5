import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { createFramer } from './framer.ts'
import { processorMs } from '../../test/support/timed.ts'

interface Framed {
  readonly lines: string[]
  readonly tooLong: { head: string; tail: string; length: number }[]
}

function frame(maxLine: number, chunks: readonly Buffer[]): Framed {
  const framed: Framed = { lines: [], tooLong: [] }
  const framer = createFramer(maxLine, {
    line: (bytes, start, end) => framed.lines.push(bytes.toString('utf8', start, end)),
    tooLong: (head, tail, length) => framed.tooLong.push({ head: head.toString(), tail: tail.toString(), length }),
  })
  for (const chunk of chunks) framer.push(chunk)
  framer.end()
  return framed
}

function cut(text: string, places: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text)
  const sorted = [...places.map((place) => place % (bytes.length + 1)), 0, bytes.length].toSorted((a, b) => a - b)
  return sorted.slice(1).map((to, index) => bytes.subarray(sorted[index], to))
}

describe('the framer', () => {
  it('gives the same lines wherever the chunks are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), fc.array(fc.nat()), (lines, places) => {
        const texts = lines.map((line) => line.replaceAll('\n', ' '))
        const whole = texts.map((line) => `${line}\n`).join('')
        assert.deepEqual(frame(1e6, cut(whole, places)).lines, frame(1e6, [Buffer.from(whole)]).lines)
      }),
    )
  })

  it('hands out a line of one chunk as a slice of it, without a copy', () => {
    const chunk = Buffer.from('one\ntwo\n')
    const seen: [number, number, number][] = []
    const framer = createFramer(100, {
      line(bytes, start, end, next) {
        assert.equal(bytes, chunk)
        seen.push([start, end, next])
      },
      tooLong: () => assert.fail('nothing is too long'),
    })
    framer.push(chunk)
    assert.deepEqual(seen, [
      [0, 3, 4],
      [4, 7, 8],
    ])
  })

  it('never writes again to the memory of a line that it handed out', () => {
    const kept: Buffer[] = []
    const framer = createFramer(100, {
      line: (bytes, start, end) => kept.push(bytes.subarray(start, end)),
      tooLong: () => assert.fail('nothing is too long'),
    })
    for (const chunk of ['fir', 'st\nsec', 'ond\nth', 'ird\n']) framer.push(Buffer.from(chunk))
    assert.deepEqual(kept.map(String), ['first', 'second', 'third'])
  })

  it('takes what is left at the end of input for a line', () => {
    assert.deepEqual(frame(100, [Buffer.from('one\ntw'), Buffer.from('o')]).lines, ['one', 'two'])
  })

  it('accepts a line of exactly the cap and refuses one byte more', () => {
    assert.deepEqual(frame(5, [Buffer.from('12345\n')]).lines, ['12345'])
    assert.deepEqual(frame(5, [Buffer.from('123'), Buffer.from('45\n')]).lines, ['12345'])
    for (const chunks of [['123456\n'], ['123', '456\n'], ['123456', '\n'], ['1', '2', '3', '4', '5', '6', '\n']]) {
      const { lines, tooLong } = frame(
        5,
        [...chunks, 'ok\n'].map((chunk) => Buffer.from(chunk)),
      )
      assert.deepEqual(lines, ['ok'], chunks.join('|'))
      assert.deepEqual(tooLong, [{ head: '123456', tail: '123456', length: 6 }])
    }
  })

  it('reports a too long line that never ended', () => {
    assert.deepEqual(frame(5, [Buffer.from('123456789')]).tooLong, [
      { head: '123456789', tail: '123456789', length: 9 },
    ])
  })

  it('keeps the first and the last bytes of a too long line, whatever the chunks', () => {
    const text = Array.from({ length: 20_000 }, (_, index) => String.fromCharCode(97 + (index % 26))).join('')
    const expected = { head: text.slice(0, 4096), tail: text.slice(-512), length: text.length }
    for (const size of [1, 7, 511, 512, 513, 4096, 8192, 20_000]) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
        Buffer.from(text.slice(index * size, (index + 1) * size)),
      )
      assert.deepEqual(frame(64, [...chunks, Buffer.from('\n')]).tooLong, [expected], `chunks of ${size}`)
    }
  })

  it('takes linear time for a long line that comes one byte at a time', () => {
    const timeOf = (length: number): number => {
      const byte = Buffer.from('[')
      const framer = createFramer(8 << 20, { line: () => undefined, tooLong: () => undefined })
      return processorMs(() => {
        for (let i = 0; i < length; i++) framer.push(byte)
        framer.end()
      })
    }
    timeOf(50_000)
    const short = timeOf(100_000)
    const long = timeOf(1_000_000)
    // Ten times the bytes; a quadratic one would take a hundred times as long.
    assert.ok(long < 40 * short + 50, `${short} ms, then ${long} ms`)
  })

  it('does not hold more of a too long line than its cap', () => {
    const before = process.memoryUsage().arrayBuffers
    const framer = createFramer(1 << 20, { line: () => undefined, tooLong: () => undefined })
    const chunk = Buffer.alloc(64 << 10, 0x61)
    for (let i = 0; i < 2000; i++) framer.push(chunk)
    const grown = process.memoryUsage().arrayBuffers - before
    assert.ok(grown < 8 << 20, `${grown} bytes more after 125 MiB without a newline`)
  })
})
