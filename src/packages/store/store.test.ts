import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { GloveboxError } from '../../errors.ts'
import { canonicalJson } from '../canonical.ts'
import { holding, tryHold } from './mutex.ts'
import { publishPackage } from '../../../test/support/published.ts'
import { readRecord, treeOf, type PackageRecord } from './record.ts'
import { reapStaging, removeTree, stage } from './staging.ts'
import { storeIn, type Store } from './store.ts'
import { leadsOut, listTree } from './tree.ts'
import { verifyBeforeStart } from './verify.ts'
import { verifyContents } from './verify-contents.ts'

let root = ''
let store: Store
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'glovebox-store-'))
  store = storeIn(root)
})
afterEach(() => removeTree(root))

const publishOne = (key: string, files: Readonly<Record<string, string>>): PackageRecord =>
  publishPackage(store, key, files)

test('a published package is read back, and its staging place is gone', async () => {
  const record = publishOne('a', { 'x/y.js': 'y', 'z.d.ts': 'z', 'empty.js': '' })
  assert.deepEqual(readRecord(store, 'a'), record)
  assert.deepEqual([record.files, record.bytes], [3, 2])
  assert.deepEqual(readdirSync(store.staging), [])
  await verifyBeforeStart(store, record)
  verifyContents(store, record)
})

test('lost stamps cost a reading of all contents, nothing else', async () => {
  const record = publishOne('a', { 'x.js': 'x' })
  rmSync(store.stamps, { recursive: true })
  await verifyBeforeStart(store, record)
  assert.deepEqual(readdirSync(store.stamps), ['a.f64'])
})

test('type declarations are compared by a whole verification only', async () => {
  const record = publishOne('a', { 'x.js': 'x', 'x.d.ts': 'types' })
  const file = path.join(treeOf(store, 'a'), 'x.d.ts')
  chmodSync(file, 0o644)
  writeFileSync(file, 'other')
  await verifyBeforeStart(store, record)
  assert.throws(() => verifyContents(store, record), /x\.d\.ts/)
})

test('a record, a list of files and a list of contents that were changed are refused', async () => {
  for (const name of ['watched', 'files.json'] as const) {
    const record = publishOne(name, { 'x.js': 'x' })
    const file = path.join(store.packages, name, name)
    rmSync(store.stamps, { recursive: true })
    chmodSync(file, 0o644)
    writeFileSync(file, '[]')
    await assert.rejects(
      verifyBeforeStart(store, record),
      (error) => error instanceof GloveboxError && error.code === 'REFUSED',
    )
  }
})

test('the staged tree of a dead install is reaped, that of a living one is not', async () => {
  stage(store, 'dead')
  stage(store, 'living')
  await holding(store, 'living', {}, async () => {
    assert.equal(reapStaging(store), 1)
    assert.deepEqual(
      readdirSync(store.staging).map((name) => name.split('~')[0]),
      ['living'],
    )
    await Promise.resolve()
  })
})

test('a mutex is free again when its holder is killed', async () => {
  const program = `
    import { tryHold } from ${JSON.stringify(path.join(import.meta.dirname, 'mutex.ts'))}
    import { storeIn } from ${JSON.stringify(path.join(import.meta.dirname, 'store.ts'))}
    const held = tryHold(storeIn(${JSON.stringify(root)}), 'm')
    process.stdout.write(String(held !== undefined))
    setInterval(() => held.name, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  assert.equal(said.toString(), 'true')
  assert.equal(tryHold(store, 'm'), undefined)
  let waited = 0
  const work = holding(store, 'm', { onWait: () => waited++ }, async () => Promise.resolve('done'))
  child.kill('SIGKILL')
  assert.equal(await work, 'done')
  assert.equal(waited, 1)
})

test('links that lead out of a tree are found, however they are spelled', () => {
  for (const [from, target] of [
    ['a', '/etc/passwd'],
    ['a', '..'],
    ['a/b', '../../x'],
    ['a/b', '../c/../../x'],
    ['node_modules/.bin/x', '../../../x'],
  ] as const)
    assert.ok(leadsOut(from, target), `${from} → ${target}`)
  assert.ok(!leadsOut('node_modules/.bin/x', '../x/cli.js'))
  const tree = path.join(root, 'links')
  mkdirSync(tree)
  symlinkSync('/etc/passwd', path.join(tree, 'x'))
  assert.throws(() => listTree(tree), /"x", a link to \/etc\/passwd/)
})

test('equal values have equal text, whatever order their keys came in', () => {
  assert.equal(canonicalJson({ b: [{ d: 1, c: 2 }], a: 'x' }), canonicalJson({ a: 'x', b: [{ c: 2, d: 1 }] }))
})
