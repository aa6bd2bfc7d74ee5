import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { GloveboxError } from '../../src/errors.ts'
import { resolveCommand, type ResolvedCommand } from '../../src/packages/start.ts'
import { npmRegistry, type Registry } from '../support/npm-registry.ts'
import { fixtures, packageHome, type PackageHome } from '../support/package-fixtures.ts'
import { within } from '../support/timed.ts'

let registry: Registry
before(async () => {
  registry = await npmRegistry(fixtures)
})
after(async () => registry[Symbol.asyncDispose]())

/** What would be started, verified as a start would. */
type Verified = Omit<ResolvedCommand, 'verify'>

async function start(home: PackageHome, line: string, told: string[] = []): Promise<Verified> {
  const found = await resolveCommand(line.split(' '), {
    places: home.places,
    env: home.env,
    cwd: home.cwd,
    progress: (text) => told.push(text),
  })
  assert.ok(found, `${line} is a package command`)
  const { verify, ...verified } = found
  await verify?.()
  return verified
}

function run({ command }: Verified): unknown {
  const [file = '', ...args] = command
  const { stdout, stderr, status } = spawnSync(file, args, { encoding: 'utf8', env: {} })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}

async function refusal(work: Promise<unknown>): Promise<GloveboxError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof GloveboxError, String(error))
  assert.ok(error.fix, `${error.message} has no fix`)
  return error
}

const treeOf = (found: Verified): string =>
  (found.command.find((word) => word.includes('/tree/')) ?? '').replace(/\/tree\/.*/, '/tree')

test('npx of a package installs it once, and later starts ask no registry and give the same command', async () => {
  using home = packageHome(registry.url)
  const told: string[] = []
  const first = await start(home, 'npx -y @fixture/server@^1 /data --flag', told)
  assert.deepEqual(run(first), { version: '1.1.0', shared: 'shared 1.0.0', args: ['/data', '--flag'] })
  assert.match(told.join('\n'), /glovebox package install -- npx -y '@fixture\/server@\^1' \/data --flag$/m)
  const asked = registry.requests.length
  const again: string[] = []
  assert.deepEqual(await start(home, 'npx -y @fixture/server@^1 /data --flag', again), first)
  assert.deepEqual(again, [])
  assert.equal(registry.requests.length, asked)
})

test('a version, a range and no version are different requests, and a pin outlives a new release', async () => {
  using home = packageHome(registry.url)
  assert.equal((await start(home, 'npx @fixture/server@1.0.0')).package?.version, '1.0.0')
  assert.equal((await start(home, 'npx @fixture/server')).package?.version, '1.1.0')
  await using later = await npmRegistry([...fixtures, { name: '@fixture/server', version: '9.0.0' }])
  writeFileSync(path.join(home.root, '.npmrc'), `registry=${later.url}\n`)
  assert.equal((await start(home, 'npx @fixture/server')).package?.version, '1.1.0')
})

test('two clean homes have the same package at the same place in the store', async () => {
  using one = packageHome(registry.url)
  using other = packageHome(registry.url)
  const command = 'npx -p other-server -p @fixture/server helper'
  const [first, second] = [await start(one, command), await start(other, command)]
  assert.equal(treeOf(first).replace(one.root, ''), treeOf(second).replace(other.root, ''))
  assert.ok(first.command.includes('--no-warnings'), 'the arguments of the interpreter line are kept')
})

test('everything in the store is read-only, and equal files are one file', async () => {
  using home = packageHome(registry.url)
  const lib = 'node_modules/shared-lib/index.js'
  const one = path.join(treeOf(await start(home, 'npx @fixture/server')), lib)
  const other = path.join(treeOf(await start(home, 'npx other-server')), lib)
  assert.equal(lstatSync(one).ino, lstatSync(other).ino)
  assert.equal(statSync(one).mode & 0o7777, 0o444)
  assert.equal(statSync(path.dirname(one)).mode & 0o7777, 0o555)
})

test('a changed, an added and a missing file are found before anything runs, and are told by name', async () => {
  const attacks: Readonly<Record<string, (tree: string) => void>> = {
    'node_modules/@fixture/server/cli.js': (tree) => {
      const file = path.join(tree, 'node_modules/@fixture/server/cli.js')
      const { atime, mtime, size } = statSync(file)
      chmodSync(file, 0o644)
      writeFileSync(file, readFileSync(file, 'utf8').replace("'1.1.0'", "'6.6.6'"))
      chmodSync(file, 0o444)
      spawnSync('touch', ['-d', mtime.toISOString(), file])
      assert.deepEqual([statSync(file).size, atime instanceof Date], [size, true])
    },
    'node_modules/shared-lib/index.json': (tree) => {
      const directory = path.join(tree, 'node_modules/shared-lib')
      chmodSync(directory, 0o755)
      writeFileSync(path.join(directory, 'index.json'), '{}')
      chmodSync(directory, 0o555)
    },
    'node_modules/shared-lib/index.js': (tree) => {
      const directory = path.join(tree, 'node_modules/shared-lib')
      chmodSync(directory, 0o755)
      rmSync(path.join(directory, 'index.js'))
    },
    node_modules: (tree) => {
      chmodSync(tree, 0o755)
      mkdirSync(path.join(tree, 'evil'))
    },
  }
  for (const [file, attack] of Object.entries(attacks)) {
    using home = packageHome(registry.url)
    attack(treeOf(await start(home, 'npx @fixture/server')))
    const error = await refusal(start(home, 'npx @fixture/server'))
    assert.equal(error.code, 'REFUSED')
    assert.match(error.message, new RegExp(file === 'node_modules' ? 'evil' : file.replaceAll('.', '\\.')))
  }
})

test('a stamp that changed without the contents is looked into, and then is right again', async () => {
  using home = packageHome(registry.url)
  const found = await start(home, 'npx @fixture/server')
  const file = path.join(treeOf(found), 'node_modules/shared-lib/index.js')
  linkSync(file, path.join(home.root, 'a-backup-program-was-here'))
  assert.deepEqual(await start(home, 'npx @fixture/server'), found)
  assert.deepEqual(await start(home, 'npx @fixture/server'), found)
})

test('a shared file that was changed is not linked into the next package', async () => {
  using home = packageHome(registry.url)
  const file = path.join(treeOf(await start(home, 'npx @fixture/server')), 'node_modules/shared-lib/index.js')
  chmodSync(file, 0o644)
  writeFileSync(file, "exports.shared = 'evil'\n")
  assert.deepEqual(run(await start(home, 'npx other-server')), { version: 'other', shared: 'shared 1.0.0', args: [] })
})

test('a version that no Node here can run is told, not replaced by an older one', async () => {
  using home = packageHome(registry.url)
  const error = await refusal(start(home, 'npx from-the-future'))
  assert.equal(error.code, 'HOST_CANNOT')
  assert.match(error.message, /from-the-future 2\.0\.0 needs Node >=999/)
  assert.match(error.fix ?? '', /node-\w+-\w+@999/)
  assert.equal((await start(home, 'npx from-the-future@1')).package?.version, '1.0.0')
})

test('install scripts do not run, and it is said whose', async () => {
  using home = packageHome(registry.url)
  const told: string[] = []
  await start(home, 'npx with-scripts', told)
  assert.ok(!existsSync(path.join(home.root, 'evil')))
  assert.match(told.join('\n'), /install scripts of with-scripts were not run/)
})

test('what the registry serves is compared with what it announced', async () => {
  const wrong = { name: 'liar', version: '1.0.0', manifest: { bin: 'x.js' }, files: { 'x.js': '' } }
  await using lying = await npmRegistry([{ ...wrong, integrity: `sha512-${'A'.repeat(86)}==` }])
  using home = packageHome(lying.url)
  const error = await refusal(start(home, 'npx liar'))
  assert.equal(error.code, 'REFUSED')
  assert.match(error.message, /is not what the registry announced/)
  await using silent = await npmRegistry([{ ...wrong, integrity: null }])
  writeFileSync(path.join(home.root, '.npmrc'), `registry=${silent.url}\n`)
  assert.match((await refusal(start(home, 'npx liar@1'))).message, /liar has no integrity hash/)
})

test('a link out of the package is refused', async () => {
  const entries = [{ path: 'package/escape', link: '../../../../../../etc/passwd' }]
  await using hostile = await npmRegistry([
    { name: 'linker', version: '1.0.0', manifest: { bin: 'x.js' }, files: { 'x.js': '' }, entries },
  ])
  using home = packageHome(hostile.url)
  // npm itself leaves links in archives out; what would get past it is refused by us.
  const found = await start(home, 'npx linker')
  assert.ok(!existsSync(path.join(treeOf(found), 'node_modules/linker/escape')))
})

test('what does not exist is told as such, with the way to find what does', async () => {
  using home = packageHome(registry.url)
  assert.equal((await refusal(start(home, 'npx no-such-package'))).code, 'NOT_FOUND')
  assert.match(
    (await refusal(start(home, 'npx @fixture/server@^7'))).message,
    /no version or tag "\^7"; the latest is 1\.1\.0/,
  )
  assert.match((await refusal(start(home, 'npx -p other-server nothing'))).fix ?? '', /other-server, helper/)
  assert.match((await refusal(start(home, 'npx shared-lib'))).fix ?? '', /library/)
})

test('without a connection what is installed runs, and what is not fails within 5 s naming the registry', async () => {
  const gone = await npmRegistry(fixtures)
  using home = packageHome(gone.url)
  const found = await start(home, 'npx @fixture/server')
  await gone[Symbol.asyncDispose]()
  assert.deepEqual(await start(home, 'npx @fixture/server'), found)
  const error = await within(5000, async () => refusal(start(home, 'npx other-server')))
  assert.match(error.message, new RegExp(`${gone.url}.* cannot be reached`))
  assert.match(error.fix ?? '', /glovebox package install/)
})

test('a registry that takes no connection is given up within 5 s', async () => {
  // A listener whose queue is full answers no further connection: the nearest thing to a host that is gone.
  const full = spawn('python3', ['-c', deaf], { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    const [port] = (await once(full.stdout, 'data')) as [Buffer]
    using home = packageHome(`http://127.0.0.1:${port.toString().trim()}/`)
    const error = await within(5000, async () => refusal(start(home, 'npx other-server')))
    assert.match(error.message, /127\.0\.0\.1:\d+\/ cannot be reached \(no answer in 3\.5 s\)/)
  } finally {
    full.stdin.end()
  }
})

const deaf = `
import socket, sys
listener = socket.socket()
listener.bind(('127.0.0.1', 0))
listener.listen(0)
held = []
for _ in range(8):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(listener.getsockname())
    held.append(s)
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
`

test("a project's own executable wins for a bare name, as with npx", async () => {
  using home = packageHome(registry.url)
  const bin = path.join(home.cwd, 'node_modules/.bin/other-server')
  mkdirSync(path.dirname(bin), { recursive: true })
  writeFileSync(bin, '', { mode: 0o755 })
  assert.deepEqual((await start(home, 'npx other-server x')).command, [bin, 'x'])
  assert.equal((await start(home, 'npx other-server@3 x')).package?.version, '3.0.0')
})

test('docker run is answered with what it needs', async () => {
  using home = packageHome(registry.url)
  const error = await refusal(start(home, 'docker run -i --rm mcp/fetch'))
  assert.equal(error.code, 'HOST_CANNOT')
  assert.match(error.message, /mcp\/fetch: images need the container driver/)
})
