import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../../..')
const fixture = path.join(root, 'test/fixtures/servers')

/** What npm says when there is no registry to be reached, and not when a package is not what it should be. */
const offline =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ENOTCACHED|ERR_SOCKET_TIMEOUT/

export type Installed = { readonly directory: string } | { readonly missing: string }

/**
 * The pinned servers, installed once for each lock file, without running any script of theirs.
 * Optional packages are left out: native ones that none of these servers needs here (200 MB).
 */
export function installServers(): Installed {
  const lock = readFileSync(path.join(fixture, 'package-lock.json'))
  const name = createHash('sha256').update(lock).digest('hex').slice(0, 16)
  const directory = path.join(root, 'build/servers', name)
  if (existsSync(directory)) return { directory }
  const unfinished = `${directory}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  try {
    for (const file of ['package.json', 'package-lock.json'])
      cpSync(path.join(fixture, file), path.join(unfinished, file))
    const missing = runNpm(unfinished)
    if (missing !== undefined) return { missing }
    // Whole, or not there: an interrupted install is never taken for one.
    if (!existsSync(directory)) renameSync(unfinished, directory)
    return { directory }
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

function runNpm(cwd: string): string | undefined {
  const flags = ['--ignore-scripts', '--omit=optional', '--omit=peer', '--no-audit', '--no-fund', '--loglevel=error']
  const run = spawnSync('npm', ['ci', ...flags], { cwd, encoding: 'utf8' })
  if (run.status === 0) return undefined
  const said = `${run.error?.message ?? ''}${run.stderr}`.trim()
  if (offline.test(said)) return `npm cannot reach its registry: ${said.split('\n')[0]}`
  throw new Error(`npm ci of test/fixtures/servers failed: ${said}`)
}
