import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { publishPackage } from '../../../../test/support/published.ts'
import { unlessPresent } from '../../../../test/support/requirement.ts'
import { treeOf } from '../../../packages/store/record.ts'
import { removeTree } from '../../../packages/store/staging.ts'
import { storeIn } from '../../../packages/store/store.ts'
import { emptyGiven, givenBytes, packGiven, type Given, type GivenMount } from './given.ts'
import { imageStore } from './store.ts'
import { missingTools } from './tools.ts'

const missing = missingTools(['mkfs.erofs'], process.env).length > 0 ? 'mkfs.erofs is not installed' : undefined
const skip = unlessPresent('EROFS', missing)

let base = ''
let source = ''

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'glovebox-given-'))
  source = join(base, 'source')
  mkdirSync(join(source, 'sub'), { recursive: true })
  writeFileSync(join(source, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 })
  writeFileSync(join(source, 'sub/data'), 'data')
  linkSync(join(source, 'sub/data'), join(source, 'sub/same'))
  symlinkSync('../run.sh', join(source, 'sub/link'))
  utimesSync(join(source, 'sub/data'), 1_600_000_000, 1_600_000_000)
  chmodSync(join(source, 'sub'), 0o750)
})

afterEach(() => removeTree(base))

async function pack(mounts: readonly GivenMount[], deny: readonly string[] = []): Promise<Given> {
  const directory = mkdtempSync(join(base, 'sandbox-'))
  const store = imageStore({ data: join(base, 'data'), cache: join(base, 'cache') })
  return packGiven(mounts, { store, packages: storeIn(base), directory, deny, env: process.env })
}

/** What is in a drive, by the tools of the file system itself. */
function extracted({ path }: Given): string {
  const target = mkdtempSync(join(base, 'out-'))
  const run = spawnSync('fsck.erofs', [`--extract=${target}`, '--overwrite', '--preserve-perms', path], {
    encoding: 'utf8',
  })
  assert.equal(run.status, 0, run.stderr)
  return target
}

test('each source is on the drive by its number, with modes, links and hard links, for root', { skip }, async () => {
  const given = await pack([
    { source, target: '/a' },
    { source: join(source, 'run.sh'), target: '/usr/run' },
  ])
  const { size, blocks } = statSync(given.path)
  assert.equal(size, givenBytes)
  assert.ok(blocks * 512 < 1024 ** 2, 'all the rest is a hole')
  const out = extracted(given)
  assert.deepEqual(readdirSync(out).toSorted(), ['0', '1'])
  assert.equal(statSync(join(out, '1')).mode & 0o777, 0o755)
  assert.equal(readFileSync(join(out, '0/sub/data'), 'utf8'), 'data')
  assert.equal(readlinkSync(join(out, '0/sub/link')), '../run.sh')
  assert.equal(statSync(join(out, '0/sub')).mode & 0o777, 0o750)
  const facts = (path: string): string =>
    spawnSync('dump.erofs', [`--path=${path}`, given.path], { encoding: 'utf8' }).stdout
  assert.match(facts('/0/sub/same'), /Links: 2 /)
  assert.match(facts('/0/sub/same'), /Uid: 0 {3}Gid: 0 /)
  assert.match(facts('/0/sub/data'), /Timestamp: 2020-09-13 /)
  assert.deepEqual(readdirSync(join(given.path, '..')), ['given.erofs'], 'what it was made from is gone')
})

test('what is denied is on it by its name only, and what nobody can read is not', { skip }, async () => {
  mkdirSync(join(source, 'secret/deep'), { recursive: true })
  writeFileSync(join(source, 'secret/deep/key'), 'SECRET-OF-THE-HOST')
  writeFileSync(join(source, 'token'), 'SECRET-OF-THE-HOST')
  spawnSync('mkfifo', [join(source, 'pipe')])
  const given = await pack([{ source, target: '/a' }], [join(source, 'secret'), join(source, 'token')])
  const out = join(extracted(given), '0')
  assert.deepEqual(readdirSync(join(out, 'secret')), [])
  assert.equal(readFileSync(join(out, 'token'), 'utf8'), '')
  assert.deepEqual(given.leftOut, [join(source, 'pipe')])
  const run = spawnSync('grep', ['-c', 'SECRET-OF-THE-HOST', given.path], { encoding: 'utf8' })
  assert.equal(run.stdout, '0\n')
})

test('what changes seldom is packed once, and again when it has changed', { skip }, async () => {
  const mounts = [{ source, target: '/a', stable: true }]
  const [first, again] = [await pack(mounts), await pack(mounts)]
  assert.deepEqual([first.isFresh, again.path], [false, first.path])
  writeFileSync(join(source, 'sub/data'), 'DATA')
  utimesSync(join(source, 'sub/data'), 1_600_000_000, 1_600_000_000)
  const changed = await pack(mounts)
  assert.notEqual(changed.path, first.path)
  assert.equal(readFileSync(join(extracted(changed), '0/sub/same'), 'utf8'), 'DATA')
  assert.notEqual((await pack(mounts, [join(source, 'sub')])).path, changed.path)
  const fresh = await pack([{ source, target: '/a' }])
  assert.ok(fresh.isFresh)
})

test('packages are known by their keys', { skip }, async () => {
  const { key } = publishPackage(storeIn(base), '0123', { 'index.js': '1' })
  const tree = treeOf(storeIn(base), key)
  const first = await pack([{ source: tree, target: tree }])
  assert.ok(!first.isFresh)
  assert.equal((await pack([{ source: tree, target: tree }])).path, first.path)
  assert.equal(readFileSync(join(extracted(first), '0/index.js'), 'utf8'), '1')
})

test('a package that somebody wrote to is refused, and is not there later under its key', { skip }, async () => {
  const store = storeIn(base)
  const { key } = publishPackage(store, '0123', { 'index.js': 'honest' })
  const tree = treeOf(store, key)
  const file = join(tree, 'index.js')
  chmodSync(file, 0o644)
  writeFileSync(file, 'stolen')
  await assert.rejects(pack([{ source: tree, target: tree }]), /is not what was installed/)
  assert.ok(!existsSync(join(base, 'cache/given')))
  writeFileSync(file, 'honest')
  assert.equal(
    readFileSync(join(extracted(await pack([{ source: tree, target: tree }])), '0/index.js'), 'utf8'),
    'honest',
  )
  const stranger = join(store.packages, 'no-record/tree')
  mkdirSync(stranger, { recursive: true })
  assert.ok((await pack([{ source: stranger, target: '/x' }])).isFresh, 'what only lies there is no package')
})

test('packing leaves what it packs alone: its change times are how packages are verified', { skip }, async () => {
  const before = lstatSync(join(source, 'sub/data'), { bigint: true })
  await pack([{ source, target: '/a' }])
  const now = lstatSync(join(source, 'sub/data'), { bigint: true })
  assert.deepEqual([now.ctimeNs, now.nlink], [before.ctimeNs, before.nlink])
})

test('too much is refused with the numbers, before anything is copied', async () => {
  const large = join(source, 'large')
  writeFileSync(large, '')
  truncateSync(large, 5 * 1024 ** 3)
  await assert.rejects(
    pack([
      { source: join(source, 'sub'), target: '/s' },
      { source, target: '/a' },
    ]),
    (error) => {
      assert.match(
        String(error),
        /is 5\.0 GiB, and a virtual machine is given 3\.9 GiB at most; \S+source is 5\.0 GiB of it/,
      )
      return true
    },
  )
  linkSync(large, join(source, 'name'))
  truncateSync(large, 3 * 1024 ** 3)
  // Two names of one file are no more than the file.
  await assert.rejects(
    pack([
      { source, target: '/a' },
      { source, target: '/b' },
    ]),
    /6\.0 GiB/,
  )
})

test('the drive of nothing is a hole of the same size', async () => {
  const given = await pack([])
  assert.equal(given.path, emptyGiven(imageStore({ data: join(base, 'data'), cache: join(base, 'cache') })))
  const { size, blocks } = statSync(given.path)
  assert.deepEqual([size, blocks], [givenBytes, 0])
})
