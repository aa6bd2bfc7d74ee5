import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { GloveboxError } from '../../src/errors.ts'
import { resolveCommand } from '../../src/packages/start.ts'
import { storeIn } from '../../src/packages/store/store.ts'
import { npmRegistry, type Registry } from '../support/npm-registry.ts'
import { fixtures, packageHome, type PackageHome } from '../support/package-fixtures.ts'
import { runApart } from '../support/run-apart.ts'

let registry: Registry
before(async () => {
  registry = await npmRegistry(fixtures)
})
after(async () => registry[Symbol.asyncDispose]())

interface Said {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

async function verb(home: PackageHome, ...words: readonly string[]): Promise<Said> {
  return runApart(['package', ...words], { env: home.env, cwd: home.cwd })
}

async function fine(home: PackageHome, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await verb(home, ...words)
  assert.equal(code, 0, stderr)
  return stdout
}

const resolve = async (home: PackageHome, line: string, more: object = {}) =>
  resolveCommand(line.split(' '), {
    places: home.places,
    env: home.env,
    cwd: home.cwd,
    progress: () => undefined,
    ...more,
  })

test('install, list, show, verify and purge tell one story', async () => {
  using home = packageHome(registry.url)
  assert.match(await fine(home, 'list'), /No packages/)
  assert.equal(
    await fine(home, 'install', '--', 'npx', '-y', '@fixture/server', '/data'),
    '@fixture/server 1.1.0 is installed\n',
  )
  assert.match(await fine(home, 'list'), /@fixture\/server +1\.1\.0 +npm +[\d.]+ KiB/)
  const { schema, packages } = JSON.parse(await fine(home, 'list', '--json')) as {
    schema: string
    packages: { key: string; installed: boolean; pins: { packages: string[] }[] }[]
  }
  assert.equal(schema, 'glovebox/package-list/1')
  assert.deepEqual(packages[0]?.pins[0]?.packages, ['@fixture/server'])
  assert.match(await fine(home, 'show', '@fixture/server'), /shared-lib +1\.0\.0 +sha512-/)
  assert.match(await fine(home, 'verify'), /1 packages are what was installed/)
  assert.match(await fine(home, 'purge'), /^0 removed/)
  assert.match(await fine(home, 'purge', '@fixture/server'), /^1 removed/)
  const store = storeIn(home.places.data)
  assert.deepEqual([readdirSync(store.packages), readdirSync(store.staging)], [[], []])
  assert.deepEqual(
    readdirSync(store.files).flatMap((name) => readdirSync(path.join(store.files, name))),
    [],
  )
  assert.match(await fine(home, 'list'), /not installed/)
})

test('purged packages come back with the same versions, forgotten ones with the newest', async () => {
  using home = packageHome(registry.url)
  await fine(home, 'install', '--', 'npx', '@fixture/server')
  await using later = await npmRegistry([...fixtures, { ...newest, manifest: { bin: 'cli.js' } }])
  writeFileSync(path.join(home.root, '.npmrc'), `registry=${later.url}\n`)
  await fine(home, 'purge', '--all')
  assert.match(await fine(home, 'install', '--', 'npx', '@fixture/server'), /1\.1\.0/)
  await fine(home, 'purge', '--all', '--forget')
  assert.match(await fine(home, 'install', '--', 'npx', '@fixture/server'), /2\.0\.0/)
})

const newest = {
  name: '@fixture/server',
  version: '2.0.0',
  manifest: { bin: 'cli.js', engines: { node: '>=20' }, dependencies: { added: '1' }, scripts: { install: 'true' } },
  files: { 'cli.js': '#!/usr/bin/env node\n' },
}

test('update shows what would change, changes nothing without --yes, and applies it with it', async () => {
  using home = packageHome(registry.url)
  await fine(home, 'install', '--', 'npx', '@fixture/server')
  assert.match(await fine(home, 'update'), /1 packages are what they would be/)
  await using later = await npmRegistry([...fixtures, newest, { name: 'added', version: '1.0.0' }])
  writeFileSync(path.join(home.root, '.npmrc'), `registry=${later.url}\n`)
  const shown = await fine(home, 'update')
  for (const line of [
    /version +@fixture\/server +1\.1\.0 → 2\.0\.0/,
    /added +added@1\.0\.0/,
    /removed +shared-lib@1\.0\.0/,
    /needs +@fixture\/server +anything → >=20/,
    /new install script +@fixture\/server/,
    /nothing was changed; --yes applies this/,
  ])
    assert.match(shown, line)
  assert.equal((await resolve(home, 'npx @fixture/server'))?.package?.version, '1.1.0')
  assert.match(await fine(home, 'update', '@fixture/server', '--yes'), /applied and installed/)
  assert.equal((await resolve(home, 'npx @fixture/server'))?.package?.version, '2.0.0')
  assert.match(await fine(home, 'purge'), /^1 removed/)
})

test('a version that has other contents than before is told, and not applied', async () => {
  using home = packageHome(registry.url)
  await fine(home, 'install', '--', 'npx', '@fixture/server')
  const [shared, ...others] = fixtures
  assert.equal(shared?.name, 'shared-lib')
  await using evil = await npmRegistry([{ ...shared, files: { 'index.js': 'evil()' } }, ...others])
  writeFileSync(path.join(home.root, '.npmrc'), `registry=${evil.url}\n`)
  assert.match(await fine(home, 'update'), /SAME VERSION, OTHER CONTENTS +shared-lib@1\.0\.0/)
  const { code, stderr } = await verb(home, 'update', '--yes')
  assert.equal(code, 4)
  assert.match(stderr, /other contents than before under the same version: shared-lib@1\.0\.0/)
})

test('a lock file runs the same versions elsewhere, and frozen runs nothing else', async () => {
  using here = packageHome(registry.url)
  await fine(here, 'install', '--', 'npx', '@fixture/server')
  await fine(here, 'lock', '--', 'npx', '@fixture/server')
  await fine(here, 'lock', '--', 'npx', 'other-server')
  const text = readFileSync(path.join(here.cwd, 'glovebox.lock'), 'utf8')
  assert.ok(!text.includes(here.root) && !text.includes(registry.url), 'nothing of this machine is in it')
  await using later = await npmRegistry([...fixtures, newest, { name: 'added', version: '1.0.0' }])
  using there = packageHome(later.url)
  const file = path.join(there.cwd, 'glovebox.lock')
  copyFileSync(path.join(here.cwd, 'glovebox.lock'), file)
  assert.match(await fine(there, 'install', '--frozen'), /@fixture\/server 1\.1\.0 is installed\nother-server 3\.0\.0/)
  const lock = { path: file, frozen: true }
  const [first, second] = [
    await resolve(here, 'npx @fixture/server'),
    await resolve(there, 'npx @fixture/server', { lock }),
  ]
  assert.equal(second?.package?.key, first?.package?.key)
  await assert.rejects(
    resolve(there, 'npx with-scripts', { lock }),
    (error) =>
      error instanceof GloveboxError && error.code === 'REFUSED' && /not in .*glovebox\.lock/.test(error.message),
  )
  // Without the lock the newest version is resolved; the two do not disturb each other.
  assert.equal((await resolve(there, 'npx @fixture/server'))?.package?.version, '2.0.0')
  assert.equal((await resolve(there, 'npx @fixture/server', { lock }))?.package?.version, '1.1.0')
})

test('a lock file that was bent is refused', async () => {
  using home = packageHome(registry.url)
  await fine(home, 'lock', '--', 'npx', '@fixture/server')
  const file = path.join(home.cwd, 'glovebox.lock')
  const text = readFileSync(file, 'utf8')
  using other = packageHome(registry.url)
  const attempt = async (bent: string): Promise<unknown> => {
    writeFileSync(file, bent)
    return resolve(other, 'npx @fixture/server', { lock: { path: file, frozen: true } }).catch(
      (error: unknown) => error,
    )
  }
  const bends: Readonly<Record<string, [string, RegExp]>> = {
    'another root': [
      text
        .replaceAll('"@fixture/server"', '"other-server"')
        .replace('"packages": [\n          "other-server"', '"packages": [\n          "@fixture/server"'),
      /not in|the lock has other-server/,
    ],
    'another hash': [
      text.replace(/sha512-[A-Za-z0-9+/]{20}/g, (hash) => `${hash.slice(0, -4)}AAAA`),
      /not what the registry announced|not what/,
    ],
    'an entry from elsewhere': [
      text.replace('"integrity"', '"resolved": "https://evil.example/x.tgz",\n "integrity"'),
      /not taken from a registry|are not the same/,
    ],
    'another schema': [text.replace('glovebox/lock/1', 'glovebox/lock/9'), /no lock file of Glovebox/],
    'no JSON': ['{', /no lock file of Glovebox/],
  }
  for (const [what, [bent, message]] of Object.entries(bends)) {
    assert.notEqual(bent, text, what)
    const error = await attempt(bent)
    assert.ok(error instanceof GloveboxError, `${what}: ${String(error)}`)
    assert.match(error.message, message, what)
  }
})

test('a package that a sandbox has mounted is kept', async (context) => {
  using home = packageHome(registry.url)
  await fine(home, 'install', '--', 'npx', '@fixture/server')
  const found = await resolve(home, 'npx @fixture/server')
  const tree = (found?.command.find((word) => word.includes('/tree/')) ?? '').replace(/\/tree\/.*/, '/tree')
  const bound = path.join(home.root, 'mounted')
  const held = spawnSync(
    'unshare',
    [
      '-rm',
      'sh',
      '-c',
      `mkdir ${bound} && mount --bind ${tree} ${bound} && exec ${process.execPath} ${path.resolve('bin/glovebox.cjs')} package purge --all --json`,
    ],
    { encoding: 'utf8', env: home.env, cwd: home.cwd },
  )
  if (/unshare|mount/.test(held.stderr) && held.status !== 0) {
    context.diagnostic(held.stderr)
    assert.fail('a mount namespace is needed for this test')
  }
  const { removed, kept } = JSON.parse(held.stdout) as { removed: string[]; kept: string[] }
  assert.deepEqual([removed, kept.length], [[], 1])
  assert.ok(existsSync(tree))
})

test('verify finds what a start does not look at, with exit code 4', async () => {
  using home = packageHome(registry.url)
  await fine(home, 'install', '--', 'npx', '@fixture/server')
  const found = await resolve(home, 'npx @fixture/server')
  const types = path.join(path.dirname(found?.command[1] ?? ''), 'types.d.ts')
  assert.equal(statSync(types).mode & 0o777, 0o444)
  chmodSync(types, 0o644)
  writeFileSync(types, 'export type Evil = 1\n')
  assert.ok(await resolve(home, 'npx @fixture/server'))
  const { code, stderr } = await verb(home, 'verify')
  assert.equal(code, 4)
  assert.match(stderr, /types\.d\.ts in the store is not what was installed/)
})

test('an unknown name and a command that is none are told with a fix', async () => {
  using home = packageHome(registry.url)
  assert.equal((await verb(home, 'show', 'nothing')).code, 2)
  const { code, stderr } = await verb(home, 'install', '--', 'node', 'x.js')
  assert.equal(code, 2)
  assert.match(stderr, /fix: write it as a client has it/)
})

test('install scripts that are allowed by name run in a jail: no network, no home, nothing but their own directory', async () => {
  using home = packageHome(registry.url)
  await fine(home, 'install', '--', 'npx', 'with-build')
  const plain = await resolve(home, 'npx with-build')
  assert.ok(!existsSync(path.join(path.dirname(plain?.command[1] ?? ''), 'built.json')))
  const { code, stderr } = await verb(home, 'install', '--allow-scripts', 'with-build', '--', 'npx', 'with-build')
  assert.equal(code, 0, stderr)
  const built = await resolve(home, 'npx with-build')
  assert.notEqual(built?.package?.key, plain?.package?.key)
  const said = JSON.parse(
    readFileSync(path.join(path.dirname(built?.command[1] ?? ''), 'built.json'), 'utf8'),
  ) as object
  assert.deepEqual(said, { network: 'refused', home: 'refused', elsewhere: 'refused' })
  assert.ok(!existsSync(path.join(home.root, 'evil')))
  assert.match(await fine(home, 'show', 'with-build'), /install script +with-build 1\.0\.0: was run/)
  const unknown = await verb(home, 'install', '--allow-scripts', 'nobody', '--', 'npx', 'with-build')
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /these have: with-build/)
})

test('a build that fails leaves nothing behind, and says why', async () => {
  using home = packageHome(registry.url)
  const { code, stderr } = await verb(
    home,
    'install',
    '--allow-scripts',
    'with-broken-build',
    '--',
    'npx',
    'with-broken-build',
  )
  assert.equal(code, 1)
  assert.match(stderr, /the install scripts of with-broken-build 1\.0\.0 failed[^]*cannot find the compiler/)
  assert.deepEqual(readdirSync(storeIn(home.places.data).staging), [])
})

test('known vulnerabilities are told, and so is it when nobody could be asked', async () => {
  const advisory = { id: 1, url: 'https://github.com/advisories/GHSA-aaaa', title: 'it leaks', severity: 'high' }
  await using informed = await npmRegistry(fixtures, { 'shared-lib': [{ ...advisory, vulnerable_versions: '<2' }] })
  using home = packageHome(informed.url)
  await fine(home, 'install', '--', 'npx', '@fixture/server')
  const { code, stdout } = await verb(home, 'check')
  assert.equal(code, 4)
  assert.match(stdout, /shared-lib 1\.0\.0 +high +GHSA-aaaa +it leaks/)
  writeFileSync(path.join(home.root, '.npmrc'), `registry=${registry.url}\n`)
  const silent = await verb(home, 'check', '--json')
  assert.equal(silent.code, 1)
  assert.match(silent.stdout, /"looked":false,"why":"/)
})
