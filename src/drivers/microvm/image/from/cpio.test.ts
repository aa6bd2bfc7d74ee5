import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import type { ForeignEntry } from '../../../../inside/tar/foreign.ts'
import { cpioOf } from '../cpio.ts'
import { createCpioReader, isCpio } from './cpio.ts'

/** One item as newc has it, with whatever its header says. */
function item(
  name: string,
  about: { mode: number; data?: string; ino?: number; links?: number; size?: number },
): Buffer {
  const { mode, data = '', ino = 1, links = 1, size = data.length } = about
  const numbers = [ino, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name.length + 1, 0]
  const head = Buffer.from(`070701${numbers.map((each) => each.toString(16).padStart(8, '0')).join('')}${name}\0`)
  const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
  return Buffer.concat([padded(head), padded(Buffer.from(data))])
}

const end = item('TRAILER!!!', { mode: 0, links: 1 })

async function readAll(archive: Buffer, pieces: number = archive.length): Promise<string[]> {
  const seen: string[] = []
  let entry: ForeignEntry | undefined
  let data = ''
  const reader = createCpioReader({
    begin: (next) => {
      entry = next
      data = ''
    },
    data: (bytes) => void (data += bytes.toString('latin1')),
    end: () => {
      assert.ok(entry)
      const { kind, mode, path, link, size } = entry
      assert.equal(data.length, size)
      seen.push(`${kind} ${mode.toString(8)} ${path.join('/')} ${link.toString()}${data}`)
    },
  })
  for (let at = 0; at < archive.length; at += pieces) await reader.push(archive.subarray(at, at + pieces))
  reader.finish()
  return seen
}

const whole = Buffer.concat([
  item('.', { mode: 0o040755 }),
  item('bin', { mode: 0o040755 }),
  item('bin/a', { mode: 0o104755, data: 'text' }),
  item('link', { mode: 0o120777, data: 'bin/a' }),
  item('one', { mode: 0o100644, ino: 7, links: 2 }),
  item('two', { mode: 0o100644, ino: 7, links: 2, data: 'shared' }),
  item('console', { mode: 0o020600 }),
  end,
  Buffer.alloc(512),
  item('/more', { mode: 0o100600, data: 'x' }),
  end,
  Buffer.alloc(300),
])

test('files, directories, links and archives behind each other are read, however they are cut', async () => {
  const expected = [
    'directory 755  ',
    'directory 755 bin ',
    'file 755 bin/a text',
    'symlink 777 link bin/a',
    'file 644 two shared',
    'hardlink 644 one two',
    'special 600 console ',
    'file 600 more x',
  ]
  for (const pieces of [1, 3, 110, 1000]) assert.deepEqual(await readAll(whole, pieces), expected)
})

test('what the project writes, and what cpio(1) does, is read', async () => {
  const ours = cpioOf([
    { path: 'd', mode: 0o755 },
    { path: 'd/f', mode: 0o644, data: Buffer.from('five!') },
  ])
  assert.deepEqual(await readAll(ours, 7), ['directory 755 d ', 'file 644 d/f five!'])
  const directory = mkdtempSync(join(tmpdir(), 'glovebox-cpio-'))
  try {
    writeFileSync(join(directory, 'plain'), ours)
    writeFileSync(join(directory, 'packed'), gzipSync(ours))
    writeFileSync(join(directory, 'other'), 'no archive')
    assert.deepEqual(
      await Promise.all(['plain', 'packed', 'other'].map(async (name) => isCpio(join(directory, name), undefined))),
      [true, true, false],
    )
    const made = spawnSync('cpio', ['-o', '-H', 'newc', '--quiet'], { cwd: directory, input: 'plain\n' })
    if (made.status === 0) assert.match((await readAll(made.stdout)).join(), /^file 644 plain 070701/)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('an archive that lies is refused', async () => {
  const lies: readonly [Buffer, RegExp][] = [
    [item('../out', { mode: 0o100644 }), /\.\./],
    [item('a/../../out', { mode: 0o100644 }), /\.\./],
    [item('d', { mode: 0o040755, data: 'x' }), /no file/],
    [item('l', { mode: 0o120777, size: 1 << 20 }), /a link of/],
    [Buffer.from('0707070000000000'.padEnd(200, '0')), /no cpio archive/],
    [item('half', { mode: 0o100644, size: 100 }), /in the middle/],
    [item('f', { mode: 0o100644 }), /in the middle/],
  ]
  for (const [archive, message] of lies) await assert.rejects(readAll(archive), message)
})

test('no bytes lead to more data than an entry has, or to a name outside', async () => {
  const check = fc.asyncProperty(
    fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 }),
    fc.integer({ min: 1, max: 400 }),
    async (changes, pieces) => {
      const archive = Buffer.from(whole)
      for (const [at, byte] of changes) archive[at] = byte
      const read = readAll(archive, pieces)
      await read.then(
        (seen) => assert.ok(seen.every((line) => !line.includes('/../'))),
        (error: unknown) => assert.ok(error instanceof Error && !('generatedMessage' in error)),
      )
    },
  )
  await fc.assert(check, { numRuns: 500 })
})
