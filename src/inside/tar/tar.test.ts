import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { safePath, staysBelow, type TarEntry } from './header.ts'
import { createTarReader, sumOf } from './reader.ts'
import { endOfArchive, headerOf, paddingFor, type TarItem } from './writer.ts'

interface Seen extends TarEntry {
  readonly data: Buffer
}

/** Reads an archive in pieces of this many bytes. */
async function read(archive: Buffer, piece: number = archive.length): Promise<Seen[]> {
  const seen: Seen[] = []
  let data: Buffer[] = []
  let entry: TarEntry | undefined
  const reader = createTarReader({
    begin: (next) => void (entry = next),
    data: (bytes) => void data.push(Buffer.from(bytes)),
    end() {
      if (entry === undefined) throw new Error('an end without a beginning')
      seen.push({ ...entry, data: Buffer.concat(data) })
      data = []
    },
  })
  for (let at = 0; at < archive.length; at += piece) await reader.push(archive.subarray(at, at + piece))
  reader.finish()
  return seen
}

const item = (change: Partial<TarItem> & { readonly path: Buffer }): TarItem => ({
  kind: 'file',
  mode: 0o644,
  size: 0,
  modifiedMs: 0,
  ...change,
})

function archiveOf(...entries: readonly (readonly [TarItem, Buffer?])[]): Buffer {
  const parts = entries.flatMap(([about, data = Buffer.alloc(0)]) => [headerOf(about), data, paddingFor(data.length)])
  return Buffer.concat([...parts, endOfArchive()])
}

/** A header with a field written over, and its sum made right again. */
function forged(about: TarItem, at: number, bytes: string): Buffer {
  const header = headerOf(about)
  const own = header.subarray(header.length - 512)
  own.write(bytes, at, 'latin1')
  own.write(`${sumOf(own).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return Buffer.concat([header, endOfArchive()])
}

test('What is written is read again, in pieces of any size', async () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 120 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x61 : byte))))
  const path = fc
    .array(name, { minLength: 1, maxLength: 4 })
    .map((parts) => Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from('/'), part]))))
  const entry = fc.record({
    path,
    data: fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes)),
    mode: fc.nat(0o777),
    modifiedMs: fc.integer({ min: -1e12, max: 4e12 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 5 }), fc.integer({ min: 1, max: 700 }), async (entries, piece) => {
      const archive = archiveOf(
        ...entries.map(({ data, ...about }) => [item({ ...about, size: data.length }), data] as const),
      )
      const seen = await read(archive, piece).catch((error: unknown) => {
        // Names of dots are refused, and nothing else that this makes.
        assert.ok(
          entries.some(({ path }) => /(^|\/)\.\.(\/|$)/.test(path.toString('latin1'))),
          String(error),
        )
        return undefined
      })
      if (seen === undefined) return
      assert.deepEqual(
        seen.map(({ path, data, mode, modified }) => [path.map(String), data, mode, modified]),
        entries.map(({ path, data, mode, modifiedMs }) => [safePath(path).map(String), data, mode, modifiedMs / 1000]),
      )
    }),
    { numRuns: 200 },
  )
})

test('tar(1) reads what is written, long names and times with it', () => {
  const long = Buffer.from(`${'d'.repeat(90)}/${'f'.repeat(200)}`)
  const data = Buffer.from('contents\n')
  const archive = archiveOf(
    [item({ path: long, size: data.length, modifiedMs: 1_700_000_000_250 }), data],
    [item({ path: Buffer.from('link'), kind: 'symlink', link: Buffer.from('x'.repeat(150)) })],
  )
  const { stdout, status, stderr } = spawnSync('tar', ['-tv', '--full-time', '-f', '-'], {
    input: archive,
    env: { PATH: '/usr/bin:/bin', TZ: 'UTC' },
  })
  assert.equal(status, 0, String(stderr))
  assert.match(String(stdout), new RegExp(`9 2023-11-14 22:13:20.25 ${long.toString()}`))
  assert.match(String(stdout), /link -> x{150}/)
})

test('What leads out, and what no file is, is refused by its name', () => {
  const wrong: [string, RegExp][] = [
    ['/etc/passwd', /absolute/],
    ['../x', /"\.\."/],
    ['a/../../x', /"\.\."/],
    ['a/..', /"\.\."/],
    ['a\0b', /zero/],
    ['n'.repeat(256), /255/],
    ['a/'.repeat(129), /128 parts/],
    ['a'.repeat(4097), /4096/],
  ]
  for (const [name, message] of wrong) assert.throws(() => safePath(Buffer.from(name)), message, name)
  assert.deepEqual(safePath(Buffer.from('./a//b/./c/')).map(String), ['a', 'b', 'c'])
  assert.deepEqual(safePath(Buffer.from('.')), [])
})

test('A link stays below the top of the archive, or is told from one that does not', () => {
  const below = (link: string, ...directory: string[]): boolean =>
    staysBelow(
      directory.map((part) => Buffer.from(part)),
      Buffer.from(link),
    )
  assert.ok(below('b') && below('../b', 'a') && below('../c/d', 'a') && below('./x/../y') && below('a/..'))
  assert.ok(
    !below('/b') && !below('..') && !below('../../b', 'a') && !below('x/../../y') && !below('') && !below('a\0b'),
  )
  assert.ok(!below('a/../..'), 'through a directory and out again')
})

test('An archive that is none, or lies, is an error', async () => {
  const file = item({ path: Buffer.from('f'), size: 3 })
  const whole = archiveOf([file, Buffer.from('abc')])
  const pax = (text: string): Buffer => {
    const header = forged(item({ path: Buffer.from('x'), size: Buffer.byteLength(text) }), 156, 'x').subarray(
      -512 - 1024,
      -1024,
    )
    return Buffer.concat([header, Buffer.from(text), paddingFor(text.length), whole.subarray(-2048)])
  }
  const wrong: [string, Buffer, RegExp][] = [
    ['nothing at all', Buffer.alloc(0), /in its middle/],
    ['no end', whole.subarray(0, -1024), /in its middle/],
    ['an end inside a file', whole.subarray(0, whole.length - 1024 - 512), /in its middle/],
    ['noise', Buffer.alloc(1024, 'noise'), /not of tar/],
    ['a wrong sum', Buffer.concat([Buffer.from(whole.subarray(0, 1536)).fill('9', 1130, 1131), whole]), /sum is wrong/],
    ['a device', forged(file, 156, '3'), /no file, directory or symbolic link/],
    ['a hard link', forged(file, 156, '1'), /no file, directory or symbolic link/],
    ['a header of GNU tar', forged(file, 156, 'L'), /no file, directory or symbolic link/],
    ['a size in base 256', forged(file, 124, '\x80\0\0\0\0\0\0\0\0\0\0\x01'), /size that is no octal/],
    ['a directory with data', forged(file, 156, '5'), /data that has none/],
    ['a header without a length', pax(' path=a\n'), /a bad header/],
    ['a header that is longer than itself', pax('99 path=a\n'), /a bad header/],
    ['a header without an end', pax('9 path=ab'), /a bad header/],
    ['a header with a negative size', pax('11 size=-1\n'), /size that is no number/],
    ['a time that is none', pax('13 mtime=1e9\n'), /time that is no number/],
    ['a path out of it in the header', pax('14 path=../ab\n'), /"\.\."/],
  ]
  for (const [name, archive, message] of wrong) await assert.rejects(read(archive), message, name)
})

test('A header larger than any honest one is refused before it is held', async () => {
  const header = forged(item({ path: Buffer.from('x'), size: 65_537 }), 156, 'x').subarray(-1536, -1024)
  await assert.rejects(read(header), /more than 64 KiB/)
})

test('Headers that never come to an entry are refused, whatever is in them', async () => {
  const foreign = Buffer.from('13 comment=x\n')
  const head = forged(item({ path: Buffer.from('PaxHeader'), size: foreign.length }), 156, 'x').subarray(0, -1024)
  const one = Buffer.concat([head.subarray(-512), foreign, paddingFor(foreign.length)])
  const honest = headerOf(item({ path: Buffer.from('f') }))
  assert.equal((await read(Buffer.concat([one, honest.subarray(-512), endOfArchive()]))).length, 1)
  await assert.rejects(read(Buffer.concat([one, one, honest, endOfArchive()])), /two headers/)
})

test('Set-id bits do not come through', async () => {
  const [seen] = await read(archiveOf([item({ path: Buffer.from('f'), mode: 0o6755 })]))
  assert.equal(seen?.mode, 0o755)
})
