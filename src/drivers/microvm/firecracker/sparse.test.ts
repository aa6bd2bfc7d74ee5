import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeSparse } from './sparse.ts'

test('a file that is mostly empty takes little room, and reads the same', (context) => {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-sparse-'))
  context.after(() => rmSync(base, { recursive: true }))
  const path = join(base, 'memory')
  const bytes = Buffer.alloc(9 * 1024 ** 2 + 123)
  bytes.write('first')
  bytes.write('across two reads', 4 * 1024 ** 2 - 5)
  bytes.write('x', bytes.length - 1)
  writeFileSync(path, bytes)
  chmodSync(path, 0o640)
  makeSparse(path, bytes.length)
  assert.ok(readFileSync(path).equals(bytes))
  assert.ok(statSync(path).blocks * 512 < 1024 ** 2, 'it has holes')
  assert.equal(statSync(path).mode & 0o777, 0o640)
  assert.deepEqual(readdirSync(base), ['memory'])
})

test('an empty file stays one', (context) => {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-sparse-'))
  context.after(() => rmSync(base, { recursive: true }))
  const path = join(base, 'memory')
  writeFileSync(path, Buffer.alloc(1024 ** 2))
  makeSparse(path, 1024 ** 2)
  assert.deepEqual([statSync(path).size, statSync(path).blocks], [1024 ** 2, 0])
})

test('a monitor that was taken over has nothing else read in place of its memory', (context) => {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-sparse-'))
  context.after(() => rmSync(base, { recursive: true }))
  const [link, fifo] = [join(base, 'link'), join(base, 'fifo')]
  writeFileSync(join(base, 'victim'), 'secret')
  symlinkSync('victim', link)
  execFileSync('mkfifo', [fifo])
  assert.throws(() => makeSparse(link, 6), { code: 'ELOOP' })
  assert.throws(() => makeSparse(fifo, 6), /is no file/)
  assert.deepEqual(readdirSync(base).toSorted(), ['fifo', 'link', 'victim'])
})

/** As large as this file system lets a file of holes be. */
function asLargeAsADisk(path: string): number {
  writeFileSync(path, 'memory')
  for (const bytes of [2 ** 52, 2 ** 43]) {
    try {
      truncateSync(path, bytes)
      return bytes
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EFBIG')) throw error
    }
  }
  throw new Error('no large file can be made here')
}

test('a monitor that was taken over leaves a memory as large as a disk, and nobody reads it', (context) => {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-sparse-'))
  context.after(() => rmSync(base, { recursive: true }))
  const path = join(base, 'memory')
  const bytes = asLargeAsADisk(path)
  assert.throws(() => makeSparse(path, 1024 ** 2), {
    code: 'NOT_STARTED',
    message: `the template's memory has ${bytes} bytes: nothing is cloned from that`,
  })
  truncateSync(path, 5)
  assert.throws(() => makeSparse(path, 6), /has 5 bytes/)
  assert.deepEqual(readdirSync(base), ['memory'])
})
