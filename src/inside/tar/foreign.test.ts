import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createForeignTarReader, type ForeignEntry } from './foreign.ts'
import { endOfArchive, headerOf } from './writer.ts'
import { sumOf } from './reader.ts'

let directory = ''
const long = 'n'.repeat(120)

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'glovebox-foreign-'))
  const tree = join(directory, 'tree')
  mkdirSync(join(tree, 'd'), { recursive: true, mode: 0o755 })
  writeFileSync(join(tree, 'd', long), 'contents')
  linkSync(join(tree, 'd', long), join(tree, 'd', 'other'))
  symlinkSync(`/${'t'.repeat(130)}`, join(tree, 'd', 'symbolic'))
})

after(() => rmSync(directory, { recursive: true }))

async function read(archive: Buffer): Promise<ForeignEntry[]> {
  const seen: ForeignEntry[] = []
  const reader = createForeignTarReader({
    begin: (entry) => void seen.push(entry),
    data: () => undefined,
    end: () => undefined,
  })
  for (let at = 0; at < archive.length; at += 1000) await reader.push(archive.subarray(at, at + 1000))
  reader.finish()
  return seen
}

function tar(...words: readonly string[]): Buffer {
  const run = spawnSync('tar', ['-c', '-C', join(directory, 'tree'), ...words, '.'], {
    maxBuffer: 1024 ** 2,
    env: { PATH: '/usr/bin:/bin' },
  })
  assert.equal(run.status, 0, String(run.stderr))
  return run.stdout
}

for (const format of ['gnu', 'oldgnu', 'pax', 'posix'])
  test(`what tar(1) writes in its ${format} format is read, long names and links with it`, async () => {
    const seen = await read(tar(`--format=${format}`, '--sort=name'))
    const told = seen.map(({ path, kind, size, link }) => [path.map(String).join('/'), kind, size, String(link)])
    assert.deepEqual(told, [
      ['', 'directory', 0, ''],
      ['d', 'directory', 0, ''],
      [`d/${long}`, 'file', 8, ''],
      ['d/other', 'hardlink', 0, `./d/${long}`],
      ['d/symbolic', 'symlink', 0, `/${'t'.repeat(130)}`],
    ])
  })

test('a size that octal digits have no room for is read', async () => {
  const header = headerOf({ path: Buffer.from('f'), kind: 'file', mode: 0o644, size: 0, modifiedMs: 0 }).subarray(-512)
  header.write('ustar  \0', 257, 'latin1')
  const withSize = (bytes: string): Buffer => {
    header.write(bytes, 124, 'latin1')
    header.write(`${sumOf(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    return Buffer.concat([header, Buffer.alloc(1024)])
  }
  const large = withSize('\u{80}\0\0\0\0\0\0\x02\0\0\0\0')
  const seen: number[] = []
  const reader = createForeignTarReader({
    begin: ({ size }) => void seen.push(size),
    data: () => undefined,
    end: () => undefined,
  })
  await reader.push(large)
  assert.deepEqual(seen, [2 * 1024 ** 3 * 4])
  assert.throws(() => reader.finish(), /in its middle/)
  await assert.rejects(
    read(withSize('\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}')),
    /size that is no number/,
  )
})

test('a name from the top of the system is one of the archive’s, and none leads out', async () => {
  const named = (path: string): Buffer =>
    Buffer.concat([
      headerOf({ path: Buffer.from(path), kind: 'file', mode: 0o644, size: 0, modifiedMs: 0 }),
      endOfArchive(),
    ])
  assert.deepEqual(
    (await read(named('//etc/passwd'))).map(({ path }) => path.map(String)),
    [['etc', 'passwd']],
  )
  await assert.rejects(read(named('/../x')), /"\.\."/)
})

test('a file with holes, as GNU tar writes it, is refused by its kind', async () => {
  const sparse = join(directory, 'tree', 'sparse')
  writeFileSync(sparse, 'begin')
  truncateSync(sparse, 4 * 1024 ** 2)
  const archive = tar('--format=gnu', '--sparse')
  rmSync(sparse)
  await assert.rejects(read(archive), /of the kind "S"/)
})
