import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { resolveCommand } from '../../src/packages/start.ts'
import { startMcp, type McpProcess } from '../support/mcp-process.ts'
import { npmRegistry } from '../support/npm-registry.ts'
import { packageHome, type PackageHome } from '../support/package-fixtures.ts'
import { runApart } from '../support/run-apart.ts'

const bin = path.resolve(import.meta.dirname, '../../bin/glovebox.cjs')
const tiny = readFileSync(path.resolve(import.meta.dirname, '../fixtures/tiny-server.mjs'), 'utf8')
const fixture = (version: string) => ({
  name: 'tiny-mcp',
  version,
  manifest: { bin: 'cli.mjs', dependencies: { dependency: '1' } },
  files: { 'cli.mjs': `#!/usr/bin/env node\nimport 'dependency'\n${tiny.replace("'1.0.0'", `'${version}'`)}` },
})
const dependency = { name: 'dependency', version: '1.0.0', files: { 'index.js': '' } }

async function run(home: PackageHome, ...words: readonly string[]): Promise<McpProcess> {
  return startMcp([process.execPath, bin, 'run', ...words], { env: home.env, cwd: home.cwd, patienceMs: 60_000 })
}

async function toolsOf(server: McpProcess): Promise<unknown> {
  const { result } = await server.request('tools/list', {})
  return (result?.['tools'] as { name: string }[] | undefined)?.map(({ name }) => name)
}

test('the command of a client file runs behind the wall: installed at the first start, and then without the registry', async () => {
  await using registry = await npmRegistry([fixture('1.0.0'), dependency])
  using home = packageHome(registry.url)
  {
    await using server = await run(home, '--', 'npx', '-y', 'tiny-mcp')
    assert.deepEqual(await toolsOf(server), ['nothing'])
    assert.match(server.stderr(), /not installed yet; ahead of time: glovebox package install -- npx -y tiny-mcp/)
  }
  const asked = registry.requests.length
  await using again = await run(home, 'npx', '-y', 'tiny-mcp')
  assert.deepEqual(await toolsOf(again), ['nothing'])
  assert.equal(registry.requests.length, asked)
  assert.doesNotMatch(again.stderr(), /resolving|installing/)
})

async function installed(home: PackageHome, name: string, ...flags: readonly string[]): Promise<void> {
  const { code, stderr } = await runApart(['package', 'install', ...flags, '--', 'npx', name], home)
  assert.equal(code, 0, stderr)
}

for (const verb of [
  ['run', '--dry-run'],
  ['exec', '--dry-run'],
  ['policy', 'show'],
])
  test(`a plan of a package that is not installed installs nothing, and says what would be (${verb.join(' ')})`, async () => {
    await using registry = await npmRegistry([fixture('1.0.0'), dependency])
    using home = packageHome(registry.url)
    const plan = async () => runApart([...verb, '--', 'npx', '-y', 'tiny-mcp', 'x'], home)
    const unknown = await plan()
    assert.equal(unknown.code, 1)
    assert.match(unknown.stderr, /tiny-mcp, in a version that is still to be resolved, would be installed first/)
    assert.match(unknown.stderr, /fix: glovebox package install -- npx -y tiny-mcp x\n/)
    const range = await runApart([...verb, '--', 'npx', '-y', 'tiny-mcp@>=1 <2', 'x'], home)
    assert.match(range.stderr, /fix: glovebox package install -- npx -y 'tiny-mcp@>=1 <2' x\n/, 'as a shell takes it')
    assert.deepEqual([registry.requests, existsSync(home.places.data)], [[], false])
    await installed(home, 'tiny-mcp')
    assert.equal((await plan()).code, 0)
    assert.equal((await runApart(['package', 'purge', '--all'], home)).code, 0)
    const asked = registry.requests.length
    const gone = await plan()
    assert.equal(gone.code, 1)
    assert.match(gone.stderr, /: tiny-mcp 1\.0\.0 would be installed first, and a plan installs nothing/)
    assert.equal(registry.requests.length, asked)
  })

test('the plan names the pinned package: its interpreter, its entry, read-only, and no network', async () => {
  await using registry = await npmRegistry([fixture('1.0.0'), dependency])
  using home = packageHome(registry.url)
  await installed(home, 'tiny-mcp')
  const { code, stdout, stderr } = await runApart(['run', '--dry-run', '--json', '--', 'npx', 'tiny-mcp', 'x'], home)
  assert.equal(code, 0, stderr)
  const { plan = JSON.parse(stdout) as unknown } = JSON.parse(stdout) as { plan?: unknown }
  const { server, command, mounts, network } = plan as {
    server: string
    command: { argv: string[] }
    mounts: { target: string; access: string; owner: string }[]
    network: object | null
  }
  assert.equal(server, 'tiny-mcp')
  assert.equal(command.argv.at(-1), 'x')
  assert.match(
    command.argv.at(-2) ?? '',
    /store\/packages\/tiny-mcp-1\.0\.0-[0-9a-f]{32}\/tree\/node_modules\/tiny-mcp\/cli\.mjs$/,
  )
  assert.equal(network, null)
  const inHome = mounts.filter(({ target }) => target.startsWith(home.root))
  assert.ok(
    inHome.length > 0 && inHome.every(({ access, target }) => access === 'read' && target.includes('/store/packages/')),
  )
})

test('a package that was tampered with is not started, and the client is told', async () => {
  await using registry = await npmRegistry([fixture('1.0.0'), dependency])
  using home = packageHome(registry.url)
  const found = await resolveCommand(['npx', 'tiny-mcp'], { ...home, progress: () => undefined })
  const script = found?.command[1] ?? ''
  chmodSync(script, 0o644)
  writeFileSync(script, readFileSync(script, 'utf8').replace('nothing', 'evil'))
  const { code, stderr } = await runApart(['run', '--', 'npx', 'tiny-mcp'], home)
  assert.equal(code, 4)
  assert.match(stderr, /cli\.mjs in the store is not what was installed; nothing of it was started/)
})

test('--frozen starts the versions of the lock file and nothing else', async () => {
  await using registry = await npmRegistry([fixture('1.0.0'), dependency])
  using here = packageHome(registry.url)
  assert.equal((await runApart(['package', 'lock', '--', 'npx', 'tiny-mcp'], here)).code, 0)
  registry.add(fixture('2.0.0'))
  using there = packageHome(registry.url)
  const lock = path.join(here.cwd, 'glovebox.lock')
  writeFileSync(path.join(there.cwd, 'glovebox.lock'), readFileSync(lock))
  await installed(there, 'tiny-mcp')
  const before = await runApart(['run', '--dry-run', '--frozen', '--', 'npx', 'tiny-mcp'], there)
  assert.match(
    before.stderr,
    /tiny-mcp 1\.0\.0 would be installed first[^]*fix: glovebox package install --lock \S+ --frozen --/,
  )
  await installed(there, 'tiny-mcp', '--frozen')
  const versionOf = async (...words: readonly string[]): Promise<string> => {
    const { stdout } = await runApart(['run', '--dry-run', '--json', ...words], there)
    return /tiny-mcp-(\d\.\d\.\d)-/.exec(stdout)?.[1] ?? 'none'
  }
  assert.equal(await versionOf('--frozen', '--', 'npx', 'tiny-mcp'), '1.0.0')
  assert.equal(await versionOf('--', 'npx', 'tiny-mcp'), '2.0.0')
  const { code, stderr } = await runApart(['run', '--frozen', '--', 'npx', 'dependency'], there)
  assert.equal(code, 4)
  assert.match(stderr, /is not in .*glovebox\.lock, and --frozen runs nothing else/)
  const mistyped = await runApart(['run', '--lock', 'nope.lock', '--', 'npx', 'tiny-mcp'], there)
  assert.equal(mistyped.code, 2)
  assert.match(mistyped.stderr, /nope\.lock: there is no such file\n {2}fix: check the path/)
  rmSync(path.join(there.cwd, 'glovebox.lock'))
  const none = await runApart(['run', '--frozen', '--', 'npx', 'tiny-mcp'], there)
  assert.deepEqual([none.code, none.stderr.includes(`no lock file ${there.cwd}/glovebox.lock`)], [4, true], none.stderr)
  mkdirSync(path.join(there.cwd, 'glovebox.lock'))
  const directory = await runApart(['run', '--frozen', '--', 'npx', 'tiny-mcp'], there)
  assert.equal(directory.code, 2)
  assert.match(directory.stderr, /no lock file of Glovebox: EISDIR[^]*fix: .*remove it and write it anew/)
})
