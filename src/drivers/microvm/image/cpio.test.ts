import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cpioOf } from './cpio.ts'

interface Seen {
  readonly path: string
  readonly mode: number
  readonly data: Buffer
}

/** A reader by the description in cpio(5), as the kernel's is: fields of eight digits, everything at multiples of four. */
function read(archive: Buffer): { seen: Seen[]; end: number } {
  const seen: Seen[] = []
  for (let at = 0; ;) {
    assert.equal(at % 4, 0)
    assert.equal(archive.toString('latin1', at, at + 6), '070701')
    const field = (index: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
    const [mode, size, nameSize] = [field(1), field(6), field(11)]
    const path = archive.toString('utf8', at + 110, at + 110 + nameSize - 1)
    assert.equal(archive[at + 110 + nameSize - 1], 0)
    const from = Math.ceil((at + 110 + nameSize) / 4) * 4
    at = Math.ceil((from + size) / 4) * 4
    if (path === 'TRAILER!!!') return { seen, end: at }
    seen.push({ path, mode, data: archive.subarray(from, from + size) })
  }
}

test('what is written is read again, whatever its length', () => {
  const item = fc.record({
    path: fc.stringMatching(/^[a-z/._-]{1,40}$/),
    mode: fc.nat(0o777),
    data: fc.option(fc.uint8Array({ maxLength: 50 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(item, { maxLength: 6 }), (items) => {
      const archive = cpioOf(items.map(({ data, ...about }) => (data === undefined ? about : { ...about, data })))
      const { seen, end } = read(archive)
      assert.equal(end, archive.length)
      assert.deepEqual(
        seen.map(({ path, mode, data }) => [path, mode, Buffer.from(data)]),
        items.map(({ path, mode, data }) => [
          path,
          mode | (data === undefined ? 0o40_000 : 0o100_000),
          Buffer.from(data ?? []),
        ]),
      )
    }),
  )
})

test('two archives behind each other can both be read, as the kernel does it', () => {
  const [one, two] = [
    cpioOf([{ path: 'init', mode: 0o755, data: Buffer.from('odd') }]),
    cpioOf([{ path: 'modules', mode: 0o755 }]),
  ]
  const both = Buffer.concat([one, two])
  const first = read(both)
  assert.deepEqual(
    first.seen.map(({ path }) => path),
    ['init'],
  )
  assert.deepEqual(
    read(both.subarray(first.end)).seen.map(({ path }) => path),
    ['modules'],
  )
})
