import { readFileSync, statSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Need } from '../../policy/host-facts.ts'
import { ancestors, isWithin } from '../../policy/paths.ts'

const manifests = ['package.json', 'pyproject.toml', 'pyvenv.cfg', 'deno.json'] as const

/**
 * The package around a script: the outermost `node_modules` that it lies in, else the nearest directory with a manifest,
 * and every `node_modules` above, where Node would look too. What is nobody's package, whatever lies in it, is told below.
 */
export function packageNeeds(script: string, home: string): Need[] {
  const mayBePackage = packageRule(script, home)
  const candidates = ancestors(script).filter(mayBePackage)
  const outermost = candidates.findLast((directory) => directory.endsWith('/node_modules'))
  const root = outermost ?? candidates.find((directory) => manifests.some((name) => statOf(join(directory, name))))
  if (root === undefined) return []
  const modules = candidates
    .map((directory) => join(directory, 'node_modules'))
    .filter((directory) => !isWithin(directory, root) && statOf(directory) !== undefined)
  return [{ path: root, why: 'package' }, ...modules.map((path) => ({ path, why: 'node_modules above the package' }))]
}

/** Directories that everybody's things lie in. */
const shared: ReadonlySet<string> = new Set([
  '/',
  '/home',
  '/Users',
  '/root',
  '/tmp',
  '/var',
  '/var/tmp',
  '/srv',
  '/opt',
  '/mnt',
  '/media',
])

/**
 * Which directories a manifest, or what marks an installation, may make one. One manifest in the wrong place would show all around it, so never:
 * a home (ours, or anyone's: HOME is not always right under sudo and systemd) or what is above one; a directory where
 * everybody can put a manifest; a directory of somebody who is neither root, nor us, nor the owner of the script; and
 * never one with keys in it.
 */
export function packageRule(script: string, home: string): (directory: string) => boolean {
  const homes = [home, ...homesOf('/etc/passwd')]
  const owners = new Set([0, process.getuid?.(), statOf(script)?.uid])
  return (directory) => {
    if (shared.has(directory) || isHomeRoot(dirname(directory))) return false
    if (homes.some((each) => isWithin(each, directory))) return false
    const stat = statOf(directory)
    if (stat === undefined || (stat.mode & 0o002) !== 0 || !owners.has(stat.uid)) return false
    return !['.ssh', '.gnupg'].some((name) => statOf(join(directory, name)))
  }
}

function isHomeRoot(directory: string): boolean {
  return directory === '/home' || directory === '/Users'
}

/** Homes of people and services (passwd(5)); `/` and the like, which some services have, say nothing. */
function homesOf(passwd: string): string[] {
  if (statOf(passwd) === undefined) return []
  const homes = readFileSync(passwd, 'utf8')
    .split('\n')
    .map((line) => line.split(':')[5] ?? '')
  return homes.filter((home) => home.split('/').length > 2)
}

/** Undefined for what is not there, or cannot be looked at by us: then not by the sandbox either. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
