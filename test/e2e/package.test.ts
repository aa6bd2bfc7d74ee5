import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { runners, type Runner } from '../support/as-user.ts'
import { eventually } from '../support/eventually.ts'
import { projectRoot } from '../support/readable-tree.ts'

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
}

interface Tarballs {
  readonly directory: string
  readonly main: string
  readonly native: string
}

let packed: Tarballs
const everyone = runners()
const installations = new Map<Runner, Installed>()

before(() => {
  packed = pack()
})

after(() => rmSync(packed.directory, { recursive: true, force: true }))

test('The main package, the native packages and the launcher have one version.', () => {
  const main = manifest(projectRoot)
  const natives = ['linux-arm64', 'linux-x64'].map((name) => manifest(path.join(projectRoot, 'native/npm', name)))
  const cargo = /^version = "(.+)"$/m.exec(readFileSync(path.join(projectRoot, 'native/Cargo.toml'), 'utf8'))?.[1]
  for (const native of natives) assert.equal(native['version'], main['version'])
  assert.equal(cargo, main['version'])
  const wanted = natives.map((native) => [String(native['name']), main['version']])
  assert.deepEqual(main['optionalDependencies'], Object.fromEntries(wanted))
})

test('The tarballs hold what runs, and no test, no source and no tool of development.', () => {
  const main = list(packed.main)
  for (const file of [
    'package/bin/glovebox.cjs',
    'package/dist/cli.cjs',
    'package/dist/run.cjs',
    'package/dist/run-more.cjs',
    'package/LICENSE-MIT',
  ])
    assert.ok(main.includes(file), file)
  for (const name of Object.keys(manifest(projectRoot)['dependencies'] as object)) {
    assert.ok(main.includes(`package/node_modules/${name}/package.json`), `${name} is not bundled`)
  }
  const strange = main.filter((file) => /^package\/(src|test|native|tools)\/|\.test\.|typescript|oxlint/.test(file))
  assert.deepEqual(strange, [])
  assert.deepEqual(list(packed.native).toSorted(), [
    'package/LICENSE-APACHE',
    'package/LICENSE-MIT',
    'package/bin/glovebox-inside',
    'package/package.json',
  ])
})

// What README.md and docs/INSTALL.md show: the tarballs of `npm run package`, installed by npm.
for (const runner of everyone) {
  test(`As ${runner.name}, both tarballs install offline in an empty prefix, and a server runs from there.`, () => {
    const installed = both(runner)
    assert.equal(installed.run(['--version']).stdout, `${String(manifest(projectRoot)['version'])}\n`)

    const server = path.join(runner.home, 'tiny-server.mjs')
    copyFileSync(path.join(projectRoot, 'test/fixtures/tiny-server.mjs'), server)
    const run = installed.run(['run', '--', runner.node, server], `${JSON.stringify(initialize)}\n`)
    assert.equal(run.status, 0, run.stderr)
    const answer = JSON.parse(run.stdout) as { id: number; result: { serverInfo: { name: string } } }
    assert.deepEqual([answer.id, answer.result.serverInfo.name], [1, 'tiny'])

    const compiled = (): string[] => namesBelow(runner.home).filter((name) => name.includes('/compiled/run.cjs-'))
    const times = compiled().map((name) => statSync(name).ctimeMs)
    assert.equal(times.length, 1, 'what the start compiled is kept, once')
    assert.equal(installed.run(['run', '--', runner.node, server], `${JSON.stringify(initialize)}\n`).status, 0)
    assert.deepEqual(
      compiled().map((name) => statSync(name).ctimeMs),
      times,
      'and taken by the next',
    )

    // A network is in the part that few starts need, and what it compiled is kept too, for `exec`.
    const walled = installed.run(['exec', '--allow-net', 'example.com', '--', runner.node, '-p', '1 + 1'])
    assert.deepEqual([walled.status, walled.stdout], [0, '2\n'], walled.stderr)
    const ofExec = namesBelow(runner.home).filter((name) => /\/compiled\/.*-exec-v/.test(name))
    const made = ofExec.map((name) => statSync(name).ctimeMs)
    assert.deepEqual(ofExec.map((name) => path.basename(name).replace(/-v.*/, '')).toSorted(), [
      'run-more.cjs-exec',
      'run.cjs-exec',
    ])
    assert.equal(installed.run(['exec', '--allow-net', 'example.com', '--', runner.node, '-p', '2']).status, 0)
    assert.deepEqual(
      ofExec.map((name) => statSync(name).ctimeMs),
      made,
      'and taken by the next',
    )
  })

  test(`As ${runner.name}, without the native package a start names the package to install and ends with 3.`, () => {
    const installed = install(runner, 'main', [packed.main])
    assert.equal(installed.run(['--help']).status, 0)
    const run = installed.run(['exec', '--', '/bin/true'])
    assert.equal(run.status, 3, run.stderr)
    assert.match(run.stderr, new RegExp(`npm install -g glovebox-inside-${process.platform}-${process.arch}`))
  })
}

test('What a program in a running sandbox needed is kept as well, and by itself.', async (t) => {
  const [runner] = everyone
  assert.ok(runner)
  const installed = both(runner)
  const server = path.join(runner.home, 'inside-server.mjs')
  copyFileSync(path.join(projectRoot, 'test/fixtures/tiny-server.mjs'), server)
  const [program = '', ...words] = installed.command(['run', '--name', 'box', '--', runner.node, server])
  const running = runner.spawn(program, words, { stdio: ['pipe', 'ignore', 'inherit'] })
  t.after(() => running.kill('SIGTERM'))
  await eventually(() => (installed.run(['exec', 'box', '--', '/bin/true']).status === 0 ? true : undefined))
  const kept = namesBelow(runner.home).filter((name) => /\/compiled\/.*-exec-inside-v/.test(name))
  assert.equal(kept.length, 2, kept.join(' '))
})

// The last one: it takes a part of the installation away.
test('A command and a configured server start without the part that few starts need.', () => {
  const [runner] = everyone
  assert.ok(runner)
  const installed = both(runner)
  rmSync(path.join(installed.prefix, 'lib/node_modules/glovebox/dist/run-more.cjs'))
  const server = path.join(runner.home, 'part-server.mjs')
  copyFileSync(path.join(projectRoot, 'test/fixtures/tiny-server.mjs'), server)
  const config = path.join(runner.home, 'part.json')
  writeFileSync(config, JSON.stringify({ mcpServers: { tiny: { command: runner.node, args: [server] } } }))
  for (const words of [
    ['run', '--', runner.node, server],
    ['run', '--config', config, 'tiny'],
  ]) {
    const run = installed.run(words, `${JSON.stringify(initialize)}\n`)
    assert.equal(run.status, 0, run.stderr)
    assert.match(run.stdout, /"name":"tiny"/)
  }
  assert.equal(installed.run(['exec', '--', runner.node, '-p', '1 + 1']).stdout, '2\n')
  const without = installed.run(['exec', '--allow-net', 'example.com', '--', '/bin/true'])
  assert.match(without.stderr, /run-more\.cjs/)
})

/** What `npm run package` makes, in a directory that everybody can read. */
function pack(): Tarballs {
  const run = spawnSync(process.execPath, ['tools/package.ts'], { cwd: projectRoot, encoding: 'utf8' })
  assert.equal(run.status, 0, run.stdout + run.stderr)
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-packed-'))
  const [main, native] = run.stdout
    .trim()
    .split('\n')
    .map((file) => {
      const copy = path.join(directory, path.basename(file))
      cpSync(file, copy)
      return copy
    })
  assert.ok(main !== undefined && native !== undefined, run.stdout)
  return { directory, main, native }
}

function namesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => path.join(directory, name))
}

interface Installed {
  readonly prefix: string
  command(args: readonly string[]): string[]
  run(args: readonly string[], input?: string): ReturnType<Runner['spawnSync']>
}

/** Both tarballs in a prefix of this runner's, installed once: npm takes seconds for it. */
function both(runner: Runner): Installed {
  const installed = installations.get(runner) ?? install(runner, 'both', [packed.main, packed.native])
  installations.set(runner, installed)
  return installed
}

function install(runner: Runner, name: string, tarballs: readonly string[]): Installed {
  const prefix = path.join(runner.tmp, name)
  const local = tarballs.map((file) => {
    const copy = path.join(runner.tmp, path.basename(file))
    copyFileSync(file, copy)
    return copy
  })
  const npm = realpathSync(process.env['npm_execpath'] ?? '/usr/bin/npm')
  const args = [
    'install',
    '--global',
    '--offline',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefix',
    prefix,
    ...local,
  ]
  const run = runner.spawnSync(runner.node, [npm, ...args])
  assert.equal(run.status, 0, run.stderr)
  const bin = path.join(prefix, 'bin/glovebox')
  assert.ok(existsSync(bin))
  const env: Record<string, string> = { ...runner.env }
  delete env['GLOVEBOX_INSIDE']
  // It keeps what it compiles itself.
  delete env['NODE_COMPILE_CACHE']
  const command = (words: readonly string[]): string[] => {
    const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`)
    return ['/usr/bin/env', '-i', ...variables, bin, ...words]
  }
  return {
    prefix,
    command,
    run(args, input = '') {
      const [program = '', ...words] = command(args)
      return runner.spawnSync(program, words, { input })
    },
  }
}

function list(tarball: string): string[] {
  const run = spawnSync('tar', ['-tzf', tarball], { encoding: 'utf8' })
  assert.equal(run.status, 0, run.stderr)
  return run.stdout.trim().split('\n')
}

function manifest(directory: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')) as Record<string, unknown>
}
