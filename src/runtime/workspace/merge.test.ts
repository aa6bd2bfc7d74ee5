import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { openDirectory } from '../../system/directory.ts'
import { copyIn } from './copy-in.ts'
import { openMerge, type Merge } from './merge.ts'
import type { Merged } from './take-over.ts'
import { places } from '../../system/places.ts'

interface Bench {
  readonly base: string
  readonly host: (name: string) => string
  readonly copy: (name: string) => string
  readonly merge: () => Promise<Merge>
  readonly apply: (merge: Merge) => Promise<Merged>
}

/** A workspace with these files, and a copy of it in which they can be changed. */
async function bench(t: TestContext, files: Readonly<Record<string, string>>): Promise<Bench> {
  const base = fs.mkdtempSync(path.join(tmpdir(), 'glovebox-merge-'))
  t.after(() => fs.rmSync(base, { recursive: true, force: true }))
  const [host, copy] = ['host', 'copy'].map((top) => (name: string) => path.join(base, top, name))
  if (host === undefined || copy === undefined) throw new Error('just made')
  for (const top of ['host', 'copy', 'outside']) fs.mkdirSync(path.join(base, top))
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(host(name)), { recursive: true })
    fs.writeFileSync(host(name), text)
  }
  const open = [openDirectory(path.join(base, 'host')), openDirectory(path.join(base, 'copy'))] as const
  t.after(() => open.forEach((each) => each.close()))
  const copied = await copyIn({
    host: open[0],
    copy: open[1],
    exclude: () => false,
    deny: new Set(),
    onBytes: () => undefined,
    signal: undefined,
  })
  return {
    base,
    host,
    copy,
    merge: async () => {
      const merge = await openMerge({
        original: copied.manifest,
        host: open[0],
        sandbox: open[1],
        leaveOut: () => false,
        beside: '.glovebox-sync-test',
        growthBytes: 1024 ** 2,
        signal: undefined,
      })
      t.after(() => merge.close())
      return merge
    },
    apply: async (merge) =>
      merge.apply({
        places: places({ GLOVEBOX_HOME: path.join(base, 'home') }),
        about: { workspace: path.join(base, 'host'), inode: 0, id: 'gbx-test', server: 'test' },
        onBytes: () => undefined,
        signal: undefined,
        all: true,
      }),
  }
}

const conflictsOf = ({ conflicts }: Merged): string[] => conflicts.map(({ path: at, why }) => `${at} ${why}`)

test('a directory that becomes a link after it was looked at is not followed', async (t) => {
  const { base, host, copy, merge, apply } = await bench(t, { 'd/a': '1', 'd/b': '1', 'd/sub/c': '1' })
  fs.writeFileSync(copy('d/a'), 'sandbox')
  fs.rmSync(copy('d/b'))
  fs.writeFileSync(copy('d/new'), 'sandbox')
  fs.mkdirSync(copy('d/dir'))
  fs.symlinkSync('a', copy('d/link'))
  fs.chmodSync(copy('d/sub/c'), 0o600)
  const found = await merge()
  // The same files, the same inodes: whoever follows the link finds nothing that is not as it was looked at.
  fs.renameSync(host('d'), path.join(base, 'outside/d'))
  fs.symlinkSync(path.join(base, 'outside/d'), host('d'))
  const merged = await apply(found)
  assert.deepEqual(merged.done, [])
  assert.equal(merged.conflicts.length, 6)
  const outside = path.join(base, 'outside/d')
  assert.deepEqual(fs.readdirSync(outside).toSorted(), ['a', 'b', 'sub'])
  assert.equal(fs.readFileSync(path.join(outside, 'a'), 'utf8'), '1')
  assert.equal(fs.statSync(path.join(outside, 'sub/c')).mode & 0o777, 0o644)
})

test('what the host does after it was looked at is not overwritten', async (t) => {
  const { host, copy, merge, apply } = await bench(t, {
    changed: '1',
    deleted: '1',
    linked: '1',
    gone: '1',
    'd/x': '1',
  })
  for (const name of ['changed', 'linked', 'gone', 'made']) fs.writeFileSync(copy(name), 'sandbox')
  fs.rmSync(copy('deleted'))
  fs.rmSync(copy('d'), { recursive: true })
  const found = await merge()
  fs.writeFileSync(host('changed'), 'host')
  fs.writeFileSync(host('deleted'), 'host')
  fs.rmSync(host('linked'))
  fs.symlinkSync('changed', host('linked'))
  fs.rmSync(host('gone'))
  fs.writeFileSync(host('made'), 'host')
  fs.writeFileSync(host('d/y'), 'host')
  const merged = await apply(found)
  assert.deepEqual(
    merged.done.map(({ path: at }) => at),
    ['d/x'],
  )
  assert.deepEqual(
    conflictsOf(merged).toSorted(),
    ['changed', 'd', 'deleted', 'gone', 'linked', 'made'].map((at) => `${at} changed`),
  )
  assert.deepEqual(fs.readdirSync(host('.')).toSorted(), ['changed', 'd', 'deleted', 'linked', 'made'])
  for (const name of ['changed', 'deleted', 'made', 'd/y']) assert.equal(fs.readFileSync(host(name), 'utf8'), 'host')
  const kept = path.join(merged.backup?.directory ?? '', 'kept')
  assert.deepEqual(fs.readdirSync(kept).toSorted(), ['changed', 'gone', 'linked', 'made'])
})

test('a time that changed and nothing else is no change, of neither side', async (t) => {
  const { host, copy, merge } = await bench(t, { a: 'same', b: 'same' })
  fs.utimesSync(copy('a'), 1, 1)
  fs.writeFileSync(copy('b'), 'sandbox')
  fs.utimesSync(host('b'), 2, 2)
  const { found } = await merge()
  assert.deepEqual(
    found.changes.map(({ path: at }) => at),
    ['b'],
  )
  assert.deepEqual(found.conflicts, [])
})

test('a change with the old size and the old time is a change', async (t) => {
  const { host, copy, merge } = await bench(t, { a: 'one', b: 'one', large: 'x'.repeat(2 * 1024 ** 2) })
  for (const [name, text] of [
    ['a', 'two'],
    ['large', 'y'.repeat(2 * 1024 ** 2)],
  ] as const) {
    const { atime, mtime } = fs.statSync(copy(name))
    fs.writeFileSync(copy(name), text)
    fs.utimesSync(copy(name), atime, mtime)
  }
  const { atime, mtime } = fs.statSync(host('b'))
  fs.writeFileSync(host('b'), 'two')
  fs.utimesSync(host('b'), atime, mtime)
  fs.writeFileSync(copy('b'), 'six')
  const { found } = await merge()
  assert.deepEqual(
    found.changes.map(({ path: at }) => at),
    ['a', 'large'],
  )
  assert.deepEqual(
    found.conflicts.map(({ path: at }) => at),
    ['b'],
  )
})

test('kinds that change are changed, with all that is below', async (t) => {
  const { host, copy, merge, apply } = await bench(t, { 'dir/a': '1', 'dir/b/c': '1', file: '1', link: '1' })
  fs.rmSync(copy('dir'), { recursive: true })
  fs.writeFileSync(copy('dir'), 'now a file')
  fs.rmSync(copy('file'))
  fs.mkdirSync(copy('file/deep'), { recursive: true })
  fs.writeFileSync(copy('file/deep/x'), 'x')
  fs.rmSync(copy('link'))
  fs.symlinkSync('file', copy('link'))
  const merged = await apply(await merge())
  assert.deepEqual([merged.conflicts, merged.failed], [[], []])
  assert.equal(fs.readFileSync(host('dir'), 'utf8'), 'now a file')
  assert.equal(fs.readFileSync(host('file/deep/x'), 'utf8'), 'x')
  assert.equal(fs.readlinkSync(host('link')), 'file')
  const before = path.join(merged.backup?.directory ?? '', 'before')
  assert.equal(fs.readFileSync(path.join(before, 'dir/b/c'), 'utf8'), '1')
})

test('what an interrupted writing left beside a file is removed, and nothing else of such a name', async (t) => {
  const { host, copy, merge, apply } = await bench(t, { 'd/a': '1' })
  fs.writeFileSync(host('d/.glovebox-sync-test'), 'half')
  fs.writeFileSync(host('d/.glovebox-sync-other'), 'somebody else’s')
  fs.writeFileSync(copy('d/a'), 'sandbox')
  await apply(await merge())
  assert.deepEqual(fs.readdirSync(host('d')).toSorted(), ['.glovebox-sync-other', 'a'])
  assert.equal(fs.readFileSync(host('d/a'), 'utf8'), 'sandbox')
})
