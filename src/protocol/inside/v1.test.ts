import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as v1 from './v1.ts'

/** Bytes as the encoding specification of Protocol Buffers has them, written by hand: tag = number << 3 | wire type. */
function bytes(...parts: readonly (number | string)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part))))
}

const text = (value: string): Uint8Array => Buffer.from(value)
const plain = (value: Uint8Array): number[] => [...value]

test('A start of a program is written and read as the specification says', () => {
  const start: v1.ExecStart = {
    argv: [text('ls'), text('-l')],
    environment: [text('A=1')],
    environmentOnly: true,
    directory: text('/'),
    terminal: { rows: 24, columns: 300 },
  }
  const inner = bytes(10, 2, 'ls', 10, 2, '-l', 18, 3, 'A=1', 24, 1, 34, 1, '/', 42, 5, 8, 24, 16, 0xac, 2)
  const expected = bytes(10, inner.length, ...plain(inner))
  const input: v1.ExecInput = { input: { case: 'start', value: start } }
  assert.deepEqual(plain(v1.encodeExecInput(input)), plain(expected))
  const back = v1.decodeExecInput(expected)
  assert.equal(back.input?.case, 'start')
  assert.deepEqual(plain(v1.encodeExecInput(back)), plain(expected))
})

test('A chosen field is written also where it is zero, a plain one is not', () => {
  assert.deepEqual(plain(v1.encodeExecOutput({ output: { case: 'stdout', value: new Uint8Array() } })), [18, 0])
  assert.deepEqual(v1.decodeExecOutput(bytes(18, 0)).output?.case, 'stdout')
  const ended = { how: { case: 'code', value: 0 }, wallMs: 0, cpuMs: 0, peakMemoryBytes: 0 } as const
  assert.deepEqual(plain(v1.encodeExecEnded(ended)), [8, 0])
  assert.deepEqual(v1.decodeExecEnded(bytes(8, 0)), ended)
  assert.equal(v1.decodeExecOutput(new Uint8Array()).output, undefined)
})

test('Negative numbers are ten bytes, optional ones are told from absent ones', () => {
  const signal = v1.encodeExecInput({ input: { case: 'signal', value: -1 } })
  assert.deepEqual(plain(signal), [32, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1])
  assert.deepEqual(v1.decodeExecInput(signal).input, { case: 'signal', value: -1 })
  const info = v1.decodeFileInfo(bytes(10, 1, 'a', 16, 1, 40, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1))
  assert.deepEqual([info.kind, info.modifiedMs], ['regular', -1])
  assert.equal(v1.decodeReadRequest(bytes(24, 0)).length, 0)
  assert.equal(v1.decodeReadRequest(bytes()).length, undefined)
  assert.equal(v1.decodeSetClockRequest(v1.encodeSetClockRequest({ unixNs: 2n ** 60n + 1n })).unixNs, 2n ** 60n + 1n)
})

test('Lists of numbers are read packed and one by one', () => {
  const offer = { tcpPorts: [1, 300] }
  assert.deepEqual(v1.decodeEgressOffer(bytes(10, 3, 1, 0xac, 2)), offer)
  assert.deepEqual(v1.decodeEgressOffer(bytes(8, 1, 8, 0xac, 2)), offer)
  assert.deepEqual(v1.decodeEgressOffer(v1.encodeEgressOffer(offer)), offer)
})

test('Fields, kinds and cases of a later version are passed over', () => {
  const later = bytes(0xfa, 6, 2, 'xy', 0xc0, 0x3e, 5, 8, 7)
  assert.deepEqual(v1.decodeTerminalSize(later), { rows: 7, columns: 0 })
  assert.equal(v1.decodeFileInfo(bytes(16, 99)).kind, 'unspecified')
  assert.equal(v1.decodeExecOutput(bytes(0x7a, 1, 'x')).output, undefined)
})

test('Bytes that are no message are an error, never a wrong value', () => {
  const wrong: [string, Uint8Array][] = [
    ['a length beyond the end', bytes(10, 5, 'ab')],
    ['a length of 4 GiB', bytes(10, 255, 255, 255, 255, 15)],
    ['a number that does not end', bytes(24, 128, 128)],
    ['a number of eleven bytes', bytes(24, ...Array.from({ length: 10 }, () => 128), 1)],
    ['field 0', bytes(0, 1)],
    ['a wire type that does not exist', bytes(15)],
    ['a group that does not end', bytes(0xfb, 6)],
  ]
  for (const [name, data] of wrong) assert.throws(() => v1.decodeHelloReply(data), Error, name)
  assert.throws(() => v1.decodeHelloReply(bytes(18, 1, 0xff)), Error, 'text that is no UTF-8')
  assert.throws(() => v1.decodeStatsReply(bytes(8, ...Array.from({ length: 9 }, () => 255), 1)), /above 2\^53/)
})

test('A small message cannot become millions of objects', () => {
  const many = Buffer.alloc(2 * 70_000, Buffer.from([42, 0]))
  assert.throws(() => v1.decodeHelloReply(many), /more than 65536 items/)
})
