import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { eventually } from '../../../../test/support/eventually.ts'
import { GloveboxError } from '../../../errors.ts'
import { tryHold } from '../../../system/mutex.ts'
import { openMemo } from '../memo.ts'
import { publishImage } from './build.ts'
import { ensureImage, imageForStart, type EnsureOptions, type MayBuild } from './ensure.ts'
import { currentImage, damagedFiles, findImage, listImages, requireOwnName, whyStale } from './images.ts'
import { makeInitrd } from './initrd.ts'
import { purgeImages } from './purge.ts'
import { readRecipe, type Recipe } from './recipe.ts'
import type { Image, ImageRecord } from './record.ts'
import { imageStore, reapImages, stageImage, type ImageStore } from './store.ts'
import { requireTools } from './tools.ts'

let base = ''
let store: ImageStore
const recipe: Recipe = readRecipe('debian')

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'glovebox-images-'))
  store = imageStore({ data: join(base, 'data'), cache: join(base, 'cache') })
})
afterEach(() => rmSync(base, { recursive: true }))

const node = { version: process.version, sha256: 'a'.repeat(64), bytes: statSync(process.execPath).size }

/** An image as a build publishes it, whose files are one word each. */
async function published(root: string, facts: Partial<ImageRecord> = {}): Promise<Image> {
  const before = Date.now()
  // Which is the newest is told by milliseconds.
  await eventually(() => (Date.now() > before ? true : undefined))
  const directory = mkdtempSync(join(base, 'new-'))
  for (const [name, content] of Object.entries({ kernel: 'kernel', 'modules.cpio': 'modules', 'root.erofs': root })) {
    writeFileSync(join(directory, name), content)
  }
  mkdirSync(store.root, { recursive: true })
  return publishImage(store, directory, {
    source: { kind: 'recipe', name: 'debian', sha256: recipe.sha256 },
    architecture: process.arch === 'arm64' ? 'arm64' : 'x64',
    kernelVersion: '6.1',
    kernelPackage: null,
    packages: [],
    node,
    programs: [],
    ...facts,
  })
}

function ensure(change: Partial<EnsureOptions> = {}): { readonly image: Promise<Image>; readonly notices: string[] } {
  const notices: string[] = []
  const image = ensureImage({
    store,
    recipe: 'debian',
    env: {},
    node: process.execPath,
    mayBuild: false,
    progress: () => undefined,
    notice: (text) => void notices.push(text),
    ...change,
  })
  return { image, notices }
}

test('an image is called by what is in it: the same contents are one image, told of as they were last', async () => {
  const first = await published('root')
  const again = await published('root', { kernelVersion: '6.1-again' })
  const other = await published('other')
  assert.equal(again.directory, first.directory)
  assert.notEqual(other.record.digest, first.record.digest)
  assert.deepEqual(
    listImages(store)
      .map(({ record }) => record.kernelVersion)
      .toSorted(),
    ['6.1', '6.1-again'],
  )
  assert.deepEqual(await damagedFiles(first), [])
  writeFileSync(first.root, 'changed')
  assert.deepEqual(await damagedFiles(first), ['root'])
  assert.deepEqual(await damagedFiles(await published('root')), [], 'what somebody wrote to is replaced')
})

test('the current image is the newest by the recipe, and not one that a user made of something else', async () => {
  assert.equal(currentImage(store, 'debian'), undefined)
  const image = await published('root')
  await published('mine', { source: { kind: 'tar', name: 'debian', sha256: '' } })
  assert.equal(currentImage(store, 'debian')?.record.digest, image.record.digest)
  assert.deepEqual(
    findImage(store, image.record.digest.slice(0, 8)).map(({ directory }) => directory),
    [image.directory],
  )
})

test('what an archive calls itself stands for no other image', async () => {
  const image = await published('root')
  await published('mine', { source: { kind: 'directory', name: 'mine', sha256: '' } })
  await published('tool', { source: { kind: 'docker', name: 'tool:1', sha256: '' } })
  for (const name of ['mine', 'debian', image.record.digest.slice(0, 8), 'f00dfeed']) {
    assert.throws(() => requireOwnName(store, { kind: 'docker', name }, 'debian'), /by which another image is found/)
  }
  requireOwnName(store, { kind: 'docker', name: 'tool:1' }, 'debian')
  requireOwnName(store, { kind: 'docker', name: 'tool:2' }, 'debian')
})

test('without an image and a terminal a start ends with the line to type', async () => {
  await assert.rejects(ensure().image, (error) => {
    assert.ok(error instanceof GloveboxError)
    assert.deepEqual([error.code, error.fix], ['HOST_CANNOT', 'glovebox image build'])
    return true
  })
})

test('an image that is missing is built where nobody watches only for who asked for that', async (t) => {
  t.mock.method(process.stderr, 'write', () => true)
  const given = new AbortController()
  given.abort(new Error('the build has begun'))
  const start = async (mayBuild: MayBuild): Promise<Image> =>
    imageForStart(store, process.env, {
      mayBuild,
      memo: openMemo({ cache: join(base, 'cache') }),
      signal: given.signal,
    })
  for (const mayBuild of ['never', 'watched'] as const) await assert.rejects(start(mayBuild), /there is no image yet/)
  await assert.rejects(start('always'), /the build has begun/)
})

test('an older image is used as it is where nobody waits for a newer one, and it is said', async () => {
  const old = await published('root', { node: { ...node, version: 'v1.2.3' } })
  const { image, notices } = ensure()
  assert.equal((await image).record.digest, old.record.digest)
  assert.match(notices.join(), /it has Node v1\.2\.3.*glovebox image update/)
  const named = ensure({ image: old.record.digest.slice(0, 10) })
  assert.equal((await named.image).record.digest, old.record.digest)
  assert.deepEqual(named.notices, [])
  await assert.rejects(ensure({ image: 'none' }).image, /no image "none"/)
})

test('what is to be said of an image is said once for it and its recipe, not at each start', async (t) => {
  await published('root', { node: { ...node, version: 'v1.2.3' } })
  const said: string[] = []
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0)
  const memo = openMemo({ cache: join(base, 'cache') })
  const start = async (): Promise<Image> =>
    imageForStart(store, process.env, { mayBuild: 'never', memo, signal: new AbortController().signal })
  await start()
  await start()
  assert.equal(said.filter((text) => text.includes('v1.2.3')).length, 1, said.join(''))
  await published('newer', { node: { ...node, version: 'v1.2.3' } })
  await start()
  assert.equal(said.filter((text) => text.includes('v1.2.3')).length, 2, said.join(''))
})

test('an image is stale with another recipe or another Node', async () => {
  const image = await published('root')
  assert.equal(whyStale(image, recipe, node), undefined)
  assert.match(whyStale(image, { ...recipe, sha256: 'other' }, node) ?? '', /recipe, debian, has changed/)
  assert.match(whyStale(image, recipe, { ...node, bytes: 1 }) ?? '', /another one runs Glovebox/)
})

test('purge takes those that a newer one stands before, one, or all', async () => {
  const [old, now] = [await published('old'), await published('now')]
  const mine = await published('mine', { source: { kind: 'tar', name: 'mine', sha256: '' } })
  const digests = (images: readonly Image[]): string[] => images.map(({ record }) => record.digest)
  assert.deepEqual((await purgeImages(store, { name: undefined, all: false })).removed, digests([old]))
  assert.deepEqual((await purgeImages(store, { name: 'mine', all: false })).removed, digests([mine]))
  await assert.rejects(purgeImages(store, { name: 'mine', all: false }), /no image "mine"/)
  assert.deepEqual((await purgeImages(store, { name: undefined, all: true })).removed, digests([now]))
  assert.deepEqual(readdirSync(store.root).toSorted(), ['mutexes', 'staging'])
})

test('what a dead build left is reaped, what a living one makes is not', async () => {
  const living = stageImage(store)
  mkdirSync(join(store.staging, 'new-dead'))
  assert.equal(reapImages(store), 1)
  assert.equal(readdirSync(store.staging).length, 1)
  await living[Symbol.asyncDispose]()
  assert.deepEqual(readdirSync(store.staging), [])
  const held = tryHold(store.mutexes, 'build')
  assert.ok(held, 'and nobody holds anything')
  held[Symbol.dispose]()
})

test('the initial RAM disk is the binary and the modules, made once for both', async () => {
  const image = await published('root')
  const binary = join(base, 'inside')
  writeFileSync(binary, 'one')
  const first = makeInitrd(store, image, binary)
  assert.equal(makeInitrd(store, image, binary), first)
  writeFileSync(binary, 'two')
  assert.notEqual(makeInitrd(store, image, binary), first)
})

test('a tool that is missing is named with the line that installs it', () => {
  assert.throws(
    () => requireTools(['mkfs.erofs', 'mmdebstrap'], {}, [join(base, 'nothing')]),
    (error) => {
      assert.ok(error instanceof GloveboxError)
      assert.equal(error.code, 'HOST_CANNOT')
      assert.match(error.message, /mkfs\.erofs, mmdebstrap/)
      assert.match(error.fix ?? '', /sudo apt-get install erofs-utils mmdebstrap/)
      return true
    },
  )
})
