import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newPlaceholder, tracesOf } from './placeholder.ts'
import { createScanner, traceIn, type Trace } from './scan.ts'

const placeholder = newPlaceholder('API_TOKEN')
const traces: Trace[] = tracesOf(placeholder).map((bytes) => ({ name: 'API_TOKEN', bytes }))

const percent = (text: string): string => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join('')
const json = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `\\u00${byte.toString(16).padStart(2, '0')}`).join('')
const base64 = (text: string): string => Buffer.from(text).toString('base64')

const disguises: Readonly<Record<string, (text: string) => string>> = {
  'as it is': (text) => text,
  'percent-encoded': percent,
  'percent-encoded in capitals': (text) => percent(text).toUpperCase(),
  'escaped as JSON': json,
  'in part escaped': (text) => `${text.slice(0, 30)}${percent(text.slice(30, 33))}${text.slice(33)}`,
  base64: base64,
  'base64 behind one byte': (text) => base64(`x${text}y`),
  'base64 behind two bytes': (text) => base64(`user:${text}`),
  'base64 for URLs': (text) => Buffer.from(`??${text}`).toString('base64url'),
  'base64 whose padding is percent-encoded': (text) => encodeURIComponent(base64(`ab${text}`)),
  'only its random half': (text) => text.slice(-32),
}

for (const [name, disguise] of Object.entries(disguises)) {
  test(`a placeholder is found ${name}, wherever the pieces of a stream end`, () => {
    const hidden = disguise(placeholder.text)
    assert.equal(traceIn(Buffer.from(hidden), traces), 'API_TOKEN')
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.array(fc.nat({ max: 400 }), { maxLength: 6 }), (before, after, cuts) => {
        const bytes = Buffer.from(`${before}${hidden}${after}`)
        const { found, passed } = scanAll(bytes, cuts)
        assert.equal(found, 'API_TOKEN')
        const at = Buffer.byteLength(before)
        assert.ok(passed.length <= at + hidden.length, 'what is behind it did not go on')
        assert.equal(traceIn(passed, traces), undefined)
      }),
    )
  })
}

test('bytes without a placeholder go on as they are, wherever the pieces end', () => {
  const nearly = fc.constantFrom(
    placeholder.text.slice(0, -1),
    percent(placeholder.token.slice(0, 20)),
    '%',
    '\\u00',
    '%6',
  )
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    nearly.map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      // Two of the pieces may make a placeholder together.
      fc.pre(traceIn(Buffer.concat(pieces), traces) === undefined)
      const scanner = createScanner(traces)
      const out = pieces.map((each) => {
        const scanned = scanner.push(Buffer.from(each))
        assert.ok('pass' in scanned)
        return scanned.pass
      })
      assert.deepEqual(Buffer.concat([...out, scanner.end()]), Buffer.concat(pieces))
    }),
  )
})

test('nothing is kept back that cannot be the beginning of a placeholder', () => {
  const scanner = createScanner(traces)
  const scanned = scanner.push(Buffer.from('{"query": "what is new?"}'))
  assert.ok('pass' in scanned)
  assert.equal(scanned.pass.toString(), '{"query": "what is new?"}')
})

test('the first byte of a placeholder that is sent byte by byte is the last thing that goes on', () => {
  const scanner = createScanner(traces)
  let passed = 0
  for (const byte of Buffer.from(placeholder.token)) {
    const scanned = scanner.push(Buffer.from([byte]))
    if ('found' in scanned) return assert.equal(passed, 0)
    passed += scanned.pass.length
  }
  assert.fail('not found')
})

function scanAll(bytes: Buffer, cuts: readonly number[]): { found: string | undefined; passed: Buffer } {
  const scanner = createScanner(traces)
  const passed: Buffer[] = []
  const ends = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))].toSorted((a, b) => a - b)
  let from = 0
  for (const to of [...ends, bytes.length]) {
    const scanned = scanner.push(bytes.subarray(from, to))
    from = to
    if ('found' in scanned) return { found: scanned.found, passed: Buffer.concat(passed) }
    passed.push(scanned.pass)
  }
  return { found: undefined, passed: Buffer.concat([...passed, scanner.end()]) }
}
