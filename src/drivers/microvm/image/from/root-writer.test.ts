import assert from 'node:assert/strict'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { createForeignTarReader } from '../../../../inside/tar/foreign.ts'
import { layer, type LayerEntry } from '../../../../../test/support/layers.ts'
import { createRootWriter } from './root-writer.ts'
import { removeTree } from '../../../../packages/store/staging.ts'

let base = ''
let root = ''

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'glovebox-root-'))
  root = join(base, 'root')
  mkdirSync(root)
  writeFileSync(join(base, 'outside'), 'untouched')
})

afterEach(() => removeTree(base))

async function apply(...layers: readonly (readonly LayerEntry[])[]): Promise<void> {
  using writer = createRootWriter(root)
  for (const entries of layers) {
    const reader = createForeignTarReader(writer.layer(true))
    await reader.push(layer(...entries))
    reader.finish()
  }
  writer.settle()
}

const at = (path: string): string => join(root, path)
const text = (path: string): string => readFileSync(at(path), 'utf8')
const openFiles = (): number => readdirSync('/proc/self/fd').length

test('layers lie on each other: files are replaced, removed, and whole directories hidden', async () => {
  await apply(
    [
      { path: 'etc/', type: '5', mode: 0o755 },
      { path: 'etc/a', content: 'one' },
      { path: 'etc/b', content: 'two' },
      { path: 'opt/old/x', content: 'x' },
      { path: 'opt/old/y', content: 'y' },
    ],
    [
      { path: 'etc/a', content: 'new' },
      { path: 'etc/.wh.b' },
      { path: 'opt/old/z', content: 'z' },
      { path: 'opt/old/.wh..wh..opq' },
    ],
  )
  assert.equal(text('etc/a'), 'new')
  assert.deepEqual(readdirSync(at('etc')), ['a'])
  assert.deepEqual(
    readdirSync(at('opt/old')),
    ['z'],
    'what the layer itself brings is not hidden, whatever comes first',
  )
})

test('modes and times are kept, set-id bits are not, and the owner can read everything', async () => {
  await apply([
    { path: 'd/', type: '5', mode: 0o000 },
    { path: 'd/su', content: '#', mode: 0o6755 },
    { path: 'd/closed', content: 'x', mode: 0 },
    { path: 'made/by/path', content: 'x' },
  ])
  assert.equal(statSync(at('d/su')).mode & 0o7777, 0o755)
  assert.equal(statSync(at('d/closed')).mode & 0o7777, 0o400)
  assert.equal(statSync(at('d')).mode & 0o7777, 0o500)
  assert.equal(statSync(at('d/su')).mtimeMs, 1_600_000_000_000)
  assert.equal(statSync(at('d')).mtimeMs, 1_600_000_000_000)
  assert.equal(statSync(at('made/by')).mtimeMs, 946_684_800_000, 'one time for what no archive has')
  assert.equal(statSync(root).mtimeMs, 946_684_800_000)
})

test('a path through a link goes where it would go in the guest', async () => {
  await apply(
    [
      { path: 'usr/lib/', type: '5', mode: 0o755 },
      { path: 'lib', type: '2', link: 'usr/lib' },
      { path: 'abs', type: '2', link: '/usr/lib' },
    ],
    [
      { path: 'lib/one', content: '1' },
      { path: 'abs/two/', type: '5', mode: 0o700 },
      { path: 'abs/two/three', content: '3' },
    ],
  )
  assert.equal(readlinkSync(at('lib')), 'usr/lib')
  assert.deepEqual(readdirSync(at('usr/lib')).toSorted(), ['one', 'two'])
  assert.equal(statSync(at('usr/lib/two')).mode & 0o777, 0o700)
})

test('no link leads out of it', async () => {
  const up = '../'.repeat(20)
  await apply(
    [
      { path: 'up', type: '2', link: `${up}${base.slice(1)}` },
      { path: 'top', type: '2', link: base },
      { path: 'file', type: '2', link: join(base, 'outside') },
    ],
    [
      { path: 'up/outside', content: 'written' },
      { path: 'top/outside', content: 'written' },
      { path: 'file', content: 'written' },
      { path: 'up/.wh.outside' },
    ],
  )
  assert.equal(readFileSync(join(base, 'outside'), 'utf8'), 'untouched')
  assert.deepEqual(readdirSync(base).toSorted(), ['outside', 'root'])
  assert.ok(lstatSync(at('file')).isFile(), 'a link is replaced, not followed')
  assert.equal(readFileSync(join(root, base, 'outside'), 'utf8'), 'written')
})

test('a hard link is another name of a file below, and of nothing else', async () => {
  await apply([
    { path: 'a', content: 'same' },
    { path: 'deep/b', type: '1', link: 'a' },
    { path: 'c', type: '1', link: '/a' },
  ])
  assert.deepEqual([statSync(at('deep/b')).ino, statSync(at('c')).ino], [statSync(at('a')).ino, statSync(at('a')).ino])
  await assert.rejects(apply([{ path: 'x', type: '1', link: '../outside' }]), /"\.\."/)
  await assert.rejects(
    apply([
      { path: 'away', type: '2', link: base },
      { path: 'x', type: '1', link: 'away/outside' },
    ]),
    /ENOENT/,
  )
})

test('a directory takes the place of a link, and a file that of a directory', async () => {
  await apply(
    [
      { path: 'was-link', type: '2', link: '/etc' },
      { path: 'was-tree/deep/f', content: 'x' },
    ],
    [
      { path: 'was-link/', type: '5', mode: 0o755 },
      { path: 'was-tree', content: 'file' },
    ],
  )
  assert.ok(lstatSync(at('was-link')).isDirectory())
  assert.equal(text('was-tree'), 'file')
})

test('devices are left out, and links in a circle are an error', async () => {
  await apply([{ path: 'dev/null', type: '3' }])
  assert.deepEqual(readdirSync(root), [])
  const circle: LayerEntry[] = [
    { path: 'a', type: '2', link: 'b' },
    { path: 'b', type: '2', link: 'a' },
    { path: 'a/x', content: 'x' },
  ]
  await assert.rejects(apply(circle), /40 links/)
  await assert.rejects(
    apply([
      { path: 'f', content: '' },
      { path: 'f/x', content: 'x' },
    ]),
    /through a file/,
  )
})

test('no descriptor stays open, whatever an archive holds', async () => {
  const before = openFiles()
  const each = [...Array(50).keys()]
  await apply(
    each.map((number) => ({ path: `d${number}/e/f/g`, content: 'x' })),
    each.map((number) => ({ path: `d${number}/e`, type: '2' as const, link: '../d1/e' })),
  )
  await assert.rejects(apply([{ path: 'd3/q', type: '1', link: 'd4/nothing' }]), /ENOENT/)
  await assert.rejects(
    apply([
      { path: 'q', content: 'x' },
      { path: 'q/r', content: 'x' },
    ]),
    /through a file/,
  )
  {
    using writer = createRootWriter(root)
    const reader = createForeignTarReader(writer.layer(true))
    await reader.push(layer({ path: 'cut', content: 'x'.repeat(2000) }).subarray(0, 1700))
    assert.equal(openFiles(), before + 2, 'the root, and the file in its middle')
  }
  assert.equal(openFiles(), before)
})
