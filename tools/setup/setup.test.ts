import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'

const require = createRequire(import.meta.url)
const { findRust } = require('./rust.cjs') as {
  findRust: (env: NodeJS.ProcessEnv) => { cargo?: string; seen?: string[] }
}
const { childEnvironment } = require('./environment.cjs') as {
  childEnvironment: (root: string, env: NodeJS.ProcessEnv) => NodeJS.ProcessEnv
}
const { isInstalled } = require('./packages.cjs') as { isInstalled: (home: string) => boolean }
const { stateOf } = require('./stamp.cjs') as { stateOf: (paths: string[]) => string }

const root = path.resolve(import.meta.dirname, '../..')
let directory = ''

before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'glovebox-setup-'))
})

after(() => rmSync(directory, { recursive: true }))

/** A toolchain that says a version and does nothing else. */
function toolchain(name: string, version: string, suffix = ''): string {
  const bin = path.join(directory, name)
  mkdirSync(bin, { recursive: true })
  for (const tool of ['cargo', 'rustc']) {
    writeFileSync(path.join(bin, tool + suffix), `#!/bin/sh\necho ${tool} ${version}\n`)
    chmodSync(path.join(bin, tool + suffix), 0o755)
  }
  return bin
}

test('A Rust that is too old is passed over for a newer one further on, and named where there is none.', () => {
  const old = toolchain('old', '1.63.0')
  const fresh = toolchain('fresh', '1.75.0')
  assert.equal(findRust({ PATH: `${old}:${fresh}:/usr/bin:/bin` }).cargo, path.join(fresh, 'cargo'))
})

test('A newer Rust under a versioned name beside an old one is found, the newest first.', () => {
  const bin = toolchain('versioned', '1.63.0')
  toolchain('versioned', '1.80.1', '-1.80')
  toolchain('versioned', '1.85.0', '-1.85')
  assert.equal(findRust({ PATH: `${bin}:/usr/bin:/bin` }).cargo, path.join(bin, 'cargo-1.85'))
})

test('The usual place in the home directory is looked at, where PATH does not name it.', () => {
  const home = path.join(directory, 'home')
  toolchain('home/.cargo/bin', '1.90.0')
  assert.equal(
    findRust({ PATH: path.join(directory, 'nothing'), HOME: home }).cargo,
    path.join(home, '.cargo/bin/cargo'),
  )
})

test('A home that cannot be written is replaced by one below build/, caches with it.', () => {
  const env = childEnvironment('/clone', { HOME: '/nonexistent', PATH: '/bin' })
  assert.deepEqual(
    [env['HOME'], env['npm_config_cache'], env['CARGO_HOME']],
    ['/clone/build/home', '/clone/build/home/.npm', '/clone/build/home/.cargo'],
  )
  assert.equal(childEnvironment('/clone', { HOME: directory })['HOME'], directory)
})

test('An installation is what the lock file says, but for optional packages and links.', () => {
  const home = path.join(directory, 'project')
  mkdirSync(path.join(home, 'node_modules'), { recursive: true })
  const write = (name: string, packages: object): void =>
    writeFileSync(path.join(home, name), JSON.stringify({ packages }))
  const a = { version: '1.0.0', integrity: 'sha512-a' }
  const link = { 'node_modules/ours': { link: true }, 'native/ours': { version: '1.0.0' } }
  write('package-lock.json', {
    '': {},
    'node_modules/a': a,
    'node_modules/b-darwin': { ...a, optional: true },
    ...link,
  })
  assert.equal(isInstalled(home), false)
  write('node_modules/.package-lock.json', { 'node_modules/a': a })
  assert.equal(isInstalled(home), true)
  write('node_modules/.package-lock.json', { 'node_modules/a': { ...a, integrity: 'sha512-other' } })
  assert.equal(isInstalled(home), false)
})

test('The state of sources changes with a file that is added, changed or gone.', () => {
  const sources = path.join(directory, 'sources')
  mkdirSync(path.join(sources, 'src'), { recursive: true })
  const states = [stateOf([sources])]
  writeFileSync(path.join(sources, 'src/main.rs'), 'fn main() {}')
  states.push(stateOf([sources]))
  writeFileSync(path.join(sources, 'src/main.rs'), 'fn main() { }')
  states.push(stateOf([sources]))
  rmSync(path.join(sources, 'src'), { recursive: true })
  states.push(stateOf([sources]))
  assert.equal(new Set(states.slice(0, 3)).size, 3)
  assert.equal(states[3], states[0])
})

test('Two set-ups in one clone take turns, and one that is killed holds up nobody.', { timeout: 20_000 }, async () => {
  const log = path.join(directory, 'turns')
  writeFileSync(log, '')
  const script = `
    const { withLock } = require(${JSON.stringify(path.join(import.meta.dirname, 'lock.cjs'))})
    const { appendFileSync } = require('fs')
    const say = (word) => appendFileSync(${JSON.stringify(log)}, word + ' ')
    withLock(${JSON.stringify(directory)}, async () => {
      say('in')
      if (process.argv[1] === 'stays') { console.log('in'); await new Promise((done) => setTimeout(done, 60000)) }
      await new Promise((done) => setTimeout(done, 50))
      say('out')
    })`
  const start = (word: string): ReturnType<typeof spawn> => spawn(process.execPath, ['-e', script, word])
  const ended = async (child: ReturnType<typeof spawn>): Promise<void> =>
    new Promise((resolve) => {
      child.on('close', () => resolve())
    })
  const stuck = start('stays')
  await new Promise((resolve) => stuck.stdout?.once('data', resolve))
  const others = [start('a'), start('b')].map(ended)
  stuck.kill('SIGKILL')
  await Promise.all(others)
  assert.equal(readFileSync(log, 'utf8'), 'in in out in out ')
})

test('The machine’s own Node, however old, is only asked for what it knows.', () => {
  for (const name of [
    'setup.cjs',
    ...['environment', 'lock', 'machines', 'native', 'node', 'packages', 'run', 'rust', 'say', 'stamp', 'system'].map(
      (each) => `setup/${each}.cjs`,
    ),
  ]) {
    const text = readFileSync(path.join(root, 'tools', name), 'utf8')
    assert.doesNotMatch(text, /\?\.|\?\?|'node:|\.at\(|replaceAll|toSorted|\bimport\b.*from|#[a-z]+\(/, name)
  }
})

test('What virtual machines need is installed where that is ours to do, and asked for nowhere else.', async () => {
  const { ensureMachines } = require('./machines.cjs') as {
    ensureMachines: (project: { build: string; yes: boolean; env: NodeJS.ProcessEnv }) => Promise<void>
  }
  // A PATH in which nothing can be installed: an attempt would be an error.
  const env = { PATH: path.join(directory, 'nothing') }
  await ensureMachines({ build: 'all', yes: false, env })
  await ensureMachines({ build: 'launcher', yes: true, env })
  await ensureMachines({ build: 'all', yes: true, env })
})

test('With nothing to do, set-up takes no step.', () => {
  // A copy that is complete: the project’s own packages and lock file, and no native sources to build.
  const clone = path.join(directory, 'clone')
  mkdirSync(path.join(clone, 'tools'), { recursive: true })
  for (const name of [
    'package.json',
    'package-lock.json',
    'node_modules',
    'tools/setup.cjs',
    'tools/setup',
    'tools/node',
    'native',
  ]) {
    symlinkSync(path.join(root, name), path.join(clone, name))
  }
  const run = spawnSync(process.execPath, [
    '--preserve-symlinks-main',
    '--preserve-symlinks',
    path.join(clone, 'tools/setup.cjs'),
    '--build=none',
  ])
  assert.equal(run.status, 0, String(run.stderr))
  // Each step is told as it begins.
  assert.equal(String(run.stderr), '')
})
