import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { removeTree } from '../../src/packages/store/staging.ts'
import { places, type Places } from '../../src/system/places.ts'
import { compiledFor } from './compiled.ts'
import type { FixturePackage } from './npm-registry.ts'

export interface PackageHome extends Disposable {
  readonly root: string
  readonly env: NodeJS.ProcessEnv
  readonly places: Places
  readonly cwd: string
}

/** A home with nothing in it but the registry's address; npm's cache is there too, and goes with it. */
export function packageHome(registry: string): PackageHome {
  const root = mkdtempSync(path.join(tmpdir(), 'glovebox-packages-'))
  const cwd = path.join(root, 'work')
  mkdirSync(cwd)
  writeFileSync(path.join(root, '.npmrc'), `registry=${registry}\ncache=${path.join(root, 'npm-cache')}\n`)
  const own = { HOME: root, GLOVEBOX_HOME: path.join(root, 'glovebox') }
  const env = { PATH: process.env['PATH'], LANG: 'C.UTF-8', ...own, ...compiledFor() }
  return {
    root,
    env,
    places: places(env),
    cwd,
    [Symbol.dispose]() {
      removeTree(path.join(root, 'glovebox'))
      rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Two servers that share a dependency, and what else tests ask for by name. */
export const fixtures: readonly FixturePackage[] = [
  { name: 'shared-lib', version: '1.0.0', files: { 'index.js': "exports.shared = 'shared 1.0.0'\n" } },
  {
    name: '@fixture/server',
    version: '1.0.0',
    manifest: { bin: './cli.js', dependencies: { 'shared-lib': '^1.0.0' } },
    files: { 'cli.js': server('1.0.0'), 'types.d.ts': 'export {}\n' },
  },
  {
    name: '@fixture/server',
    version: '1.1.0',
    manifest: { bin: './cli.js', dependencies: { 'shared-lib': '^1.0.0' } },
    files: { 'cli.js': server('1.1.0'), 'types.d.ts': 'export {}\n' },
  },
  {
    name: 'other-server',
    version: '3.0.0',
    manifest: { bin: { 'other-server': 'bin/a.js', helper: 'bin/b.js' }, dependencies: { 'shared-lib': '1' } },
    files: { 'bin/a.js': server('other'), 'bin/b.js': '#!/usr/bin/env -S node --no-warnings\nconsole.log("helper")\n' },
  },
  {
    name: 'from-the-future',
    version: '1.0.0',
    manifest: { bin: 'cli.js', engines: { node: '>=18' } },
    files: { 'cli.js': server('old') },
  },
  {
    name: 'from-the-future',
    version: '2.0.0',
    manifest: { bin: 'cli.js', engines: { node: '>=999' } },
    files: { 'cli.js': server('new') },
  },
  {
    name: 'with-scripts',
    version: '1.0.0',
    manifest: { bin: 'cli.js', scripts: { postinstall: 'node ./evil.js' } },
    files: { 'cli.js': server('scripts'), 'evil.js': "require('fs').writeFileSync(process.env.HOME + '/evil', '')\n" },
  },
  {
    name: 'with-build',
    version: '1.0.0',
    manifest: { bin: 'cli.js', scripts: { install: 'node ./build.js' } },
    files: { 'cli.js': server('built'), 'build.js': build() },
  },
  {
    name: 'with-broken-build',
    version: '1.0.0',
    manifest: { bin: 'cli.js', scripts: { install: 'node ./build.js' } },
    files: { 'cli.js': server('broken'), 'build.js': "console.error('cannot find the compiler'); process.exit(1)\n" },
  },
]

/** Tries what no build has to do, and writes down how it went where it may write. */
function build(): string {
  return `
const { writeFileSync, readFileSync } = require('node:fs')
const { connect } = require('node:net')
const attempt = (work) => { try { work(); return 'done' } catch { return 'refused' } }
const home = attempt(() => readFileSync('../../../../../../../../.npmrc'))
const elsewhere = attempt(() => writeFileSync('../.package-lock.json', ''))
const socket = connect({ host: '127.0.0.1', port: 9, timeout: 2000 })
const end = (network) => { writeFileSync('built.json', JSON.stringify({ network, home, elsewhere })); process.exit(0) }
socket.on('connect', () => end('done')).on('error', () => end('refused')).on('timeout', () => end('refused'))
`
}

/** Says its version and its arguments, and what it finds of its dependency. */
function server(version: string): string {
  return `#!/usr/bin/env node
let shared = 'alone'
try { shared = require('shared-lib').shared } catch {}
console.log(JSON.stringify({ version: '${version}', shared, args: process.argv.slice(2) }))
`
}
