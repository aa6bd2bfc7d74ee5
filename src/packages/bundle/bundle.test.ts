import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { assert as check, asyncProperty, integer, jsonValue, property, uint8Array } from 'fast-check'
import { GloveboxError } from '../../errors.ts'
import { zip, type ZipEntry } from '../../../test/support/zip.ts'
import { removeTree } from '../store/staging.ts'
import { storeIn } from '../store/store.ts'
import { unpack } from './archive.ts'
import { installBundle } from './install.ts'
import { proposeBundle, readManifest, variableName } from './manifest.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'glovebox-bundle-'))
})
afterEach(() => removeTree(root))

async function attempt(entries: readonly ZipEntry[], limits?: { files: number; bytes: number }): Promise<unknown> {
  const file = path.join(root, 'x.mcpb')
  const target = path.join(root, 'out')
  removeTree(target)
  mkdirSync(target)
  writeFileSync(file, zip(entries))
  return unpack(file, target, limits).then(
    () => undefined,
    (error: unknown) => error,
  )
}

test('files are unpacked with their modes', async () => {
  assert.equal(
    await attempt([
      { name: 'dir/', content: '', mode: 0o040755 },
      { name: 'dir/run', content: '#!/bin/sh\n', mode: 0o100755, compress: true },
      { name: 'a.json', content: '{}', mode: 0 },
    ]),
    undefined,
  )
  assert.equal(statSync(path.join(root, 'out/dir/run')).mode & 0o777, 0o755)
  assert.equal(readFileSync(path.join(root, 'out/a.json'), 'utf8'), '{}')
})

test('whatever would lead out, be a link, be there twice, or be too much is refused before anything is written', async () => {
  const ok: ZipEntry = { name: 'first.txt', content: 'x' }
  const hostile: Readonly<Record<string, readonly ZipEntry[]>> = {
    'parent directory': [{ name: '../evil', content: 'x' }],
    'parent inside': [{ name: 'a/../../evil', content: 'x' }],
    'absolute path': [{ name: '/tmp/glovebox-evil', content: 'x' }],
    'drive letter': [{ name: 'C:/evil', content: 'x' }],
    backslashes: [{ name: '..\\evil', content: 'x' }],
    'symbolic link': [
      { name: 'link', content: '/etc', mode: 0o120777 },
      { name: 'link/passwd', content: 'x' },
    ],
    device: [{ name: 'null', content: '', mode: 0o020666 }],
    fifo: [{ name: 'pipe', content: '', mode: 0o010666 }],
    'same name twice': [
      { name: 'a', content: '1' },
      { name: 'a', content: '2' },
    ],
    'names that differ in case': [
      { name: 'Run', content: '1' },
      { name: 'run', content: '2' },
    ],
    'a file that is a directory too': [
      { name: 'd', content: '1' },
      { name: 'd/e', content: '2' },
    ],
    'control characters': [{ name: 'a\u0007b', content: 'x' }],
    'a name that is too long': [{ name: 'n'.repeat(300), content: 'x' }],
    'a size that is not true': [{ name: 'big', content: 'x'.repeat(10_000), compress: true, claimedSize: 10 }],
  }
  for (const [what, entries] of Object.entries(hostile)) {
    const error = await attempt([ok, ...entries])
    assert.ok(
      error instanceof GloveboxError && error.code === 'REFUSED' && error.fix !== undefined,
      `${what}: ${String(error)}`,
    )
    if (what !== 'a size that is not true') assert.deepEqual(readdirSync(path.join(root, 'out')), [], what)
  }
  assert.ok(!existsSync(path.join(root, 'evil')) && !existsSync('/tmp/glovebox-evil'))
})

test('too many files and too many bytes are refused by what the archive itself says', async () => {
  const many = Array.from({ length: 11 }, (_, index) => ({ name: `f${index}`, content: 'x' }))
  assert.match(String(await attempt(many, { files: 10, bytes: 1000 })), /11 entries/)
  const bomb = [{ name: 'bomb', content: Buffer.alloc(1_000_000), compress: true }]
  assert.match(String(await attempt(bomb, { files: 10, bytes: 100_000 })), /more than 100000 bytes/)
})

test('a damaged archive is refused, whatever is damaged', async () => {
  const good = zip([
    { name: 'a.txt', content: 'hello '.repeat(50), compress: true },
    { name: 'b/c', content: 'x' },
  ])
  const file = path.join(root, 'damaged')
  await check(
    asyncProperty(integer({ min: 0, max: good.length - 1 }), integer({ min: 1, max: 255 }), async (at, flip) => {
      const bytes = Buffer.from(good)
      bytes[at] = (bytes[at] ?? 0) ^ flip
      writeFileSync(file, bytes)
      const target = mkdtempSync(path.join(root, 'd-'))
      const error = await unpack(file, target).catch((reason: unknown) => reason)
      assert.ok(error === undefined || error instanceof GloveboxError, String(error))
    }),
    { numRuns: 300 },
  )
  await check(
    asyncProperty(uint8Array({ maxLength: 200 }), async (bytes) => {
      writeFileSync(file, bytes)
      const error = await unpack(file, path.join(root, 'none')).catch((reason: unknown) => reason)
      assert.ok(error instanceof GloveboxError, String(error))
    }),
    { numRuns: 100 },
  )
})

const manifest = {
  manifest_version: '0.3',
  name: 'My Files',
  version: '1.0.0',
  server: {
    type: 'node',
    entry_point: 'server/index.js',
    mcp_config: {
      command: 'node',
      args: ['${__dirname}/server/index.js', '${user_config.directories}', '--level=${user_config.level}'],
      env: { API_KEY: '${user_config.apiKey}', DATA: '${HOME}/data' },
      platform_overrides: { win32: { command: 'node.exe' } },
    },
  },
  user_config: {
    directories: {
      type: 'directory',
      multiple: true,
      required: true,
      title: 'what to show',
      default: ['${HOME}/Documents'],
    },
    level: { type: 'string', default: 'info' },
    apiKey: { type: 'string', sensitive: true, required: true },
  },
  tools: [{ name: 'read' }, { name: 'list' }],
}

const propose = (value: object, values: Readonly<Record<string, string>> = {}) =>
  proposeBundle(readManifest(value, 'linux'), {
    tree: '/store/tree',
    home: '/home/u',
    values: new Map(Object.entries(values)),
  })

test('directories become mounts, secrets become variables, announced tools are the only ones', () => {
  const { name, entry } = propose(manifest, { directories: '/a,/b' })
  assert.equal(name, 'My-Files')
  assert.deepEqual(entry, {
    command: 'node',
    args: ['/store/tree/server/index.js', '/a', '/b', '--level=info'],
    env: { API_KEY: '${env:API_KEY}', DATA: '/home/u/data' },
    sandbox: { filesystem: { read: ['/a', '/b'] }, tools: { allow: ['read', 'list'] } },
  })
  assert.deepEqual((propose(manifest).entry['sandbox'] as { filesystem: unknown }).filesystem, {
    read: ['/home/u/Documents'],
  })
  assert.equal(variableName('apiKey'), 'API_KEY')
})

test('a manifest that asks for what cannot be is refused', () => {
  const server = (change: object): object => ({ ...manifest, server: { ...manifest.server, ...change } })
  const cases: Readonly<Record<string, [object, RegExp]>> = {
    'a version of tomorrow': [{ ...manifest, manifest_version: '1.0' }, /0\.1 to 0\.4/],
    'a uv server': [server({ type: 'uv' }), /type "uv"/],
    'a command out of the bundle': [
      server({ mcp_config: { command: '${__dirname}/../../bin/sh', args: [] } }),
      /a program in the bundle/,
    ],
    'a command of the host': [server({ mcp_config: { command: '/bin/sh', args: [] } }), /a program in the bundle/],
    'a secret as an argument': [
      server({ mcp_config: { command: 'node', args: ['${user_config.apiKey}'] } }),
      /every user of this machine/,
    ],
    'a secret inside a text': [
      server({ mcp_config: { command: 'node', args: ['--k=${user_config.apiKey}'] } }),
      /cannot stand inside/,
    ],
    'an option of a kind that is none': [{ ...manifest, user_config: { a: { type: 'socket' } } }, /directory or file/],
    'no name': [{ ...manifest, name: '' }, /name is a text/],
  }
  for (const [what, [value, message]] of Object.entries(cases))
    assert.throws(
      () => propose(value),
      (error) => error instanceof GloveboxError && message.test(error.message) && error.fix !== undefined,
      what,
    )
})

test('any JSON as a manifest is read or refused with a fix', () => {
  check(
    property(jsonValue(), (value) => {
      for (const attempt of [
        value,
        { ...manifest, server: value },
        { ...manifest, user_config: value },
        { ...manifest, tools: value },
      ]) {
        try {
          proposeBundle(readManifest(attempt, 'linux'), { tree: '/t', home: '/h', values: new Map() })
        } catch (error) {
          assert.ok(error instanceof GloveboxError && error.fix !== undefined, String(error))
        }
      }
    }),
    { numRuns: 3000 },
  )
})

test('a bundle is installed under its hash, and another file than the announced one is refused', async () => {
  const store = storeIn(root)
  const file = path.join(root, 'b.mcpb')
  const bytes = zip([
    { name: 'manifest.json', content: JSON.stringify(manifest) },
    { name: 'server/index.js', content: 'console.log(1)\n' },
  ])
  writeFileSync(file, bytes)
  const digest = createHash('sha256').update(bytes).digest('hex')
  await assert.rejects(installBundle(store, file, 'a'.repeat(64)), /has the SHA-256 .*was announced/)
  assert.ok(!existsSync(store.packages))
  const { questions, propose: ask } = await installBundle(store, file, digest)
  assert.deepEqual(
    questions.map(({ name, secret }) => [name, secret]),
    [
      ['directories', false],
      ['level', false],
      ['apiKey', true],
    ],
  )
  const { entry } = ask(new Map([['directories', '/a']]))
  const [script = ''] = entry['args'] as string[]
  assert.ok(script.startsWith(path.join(store.packages, `mcpb-${digest.slice(0, 32)}`)) && existsSync(script))
  writeFileSync(path.join(root, 'empty.mcpb'), zip([{ name: 'x', content: '' }]))
  await assert.rejects(installBundle(store, path.join(root, 'empty.mcpb'), undefined), /no manifest\.json/)
  assert.deepEqual(readdirSync(store.staging), [])
})
