import { GloveboxError } from '../../errors.ts'
import type { ResolvedEntry } from '../resolution.ts'

/** What of package-lock.json is read (package-lock.json(5), lockfileVersion 3). */
interface LockedPackage {
  readonly version?: string
  readonly name?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly inBundle?: boolean
  readonly hasInstallScript?: boolean
}

/**
 * The entries of a lock, every one of which has to come from a registry and to say its hash.
 * @throws GloveboxError REFUSED naming the first that does not
 */
export function readLock(lock: unknown): ResolvedEntry[] {
  const { packages } = lock as { packages?: Readonly<Record<string, LockedPackage>> }
  const entries: ResolvedEntry[] = []
  for (const [path, locked] of Object.entries(packages ?? {})) {
    if (path === '') continue
    const name = locked.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const { version = '', integrity = '' } = locked
    const isPlain = /^node_modules\/(?:(?:@[^/]+\/)?[^/]+(?:\/node_modules\/|$))+$/.test(path) && !path.includes('..')
    if (locked.link === true || locked.resolved !== undefined || !isPlain) {
      throw refused(name, `is not taken from a registry (${locked.resolved ?? path})`)
    }
    // What lies in another package's archive is covered by that archive's hash.
    const isInArchive = locked.inBundle === true && path.lastIndexOf('node_modules/') > 0
    if (!isInArchive && !/^sha(256|384|512)-[A-Za-z0-9+/]+=*/.test(integrity)) {
      throw refused(
        name,
        integrity === '' ? 'has no integrity hash' : 'has no integrity hash that still means something',
      )
    }
    entries.push({ path, name, version, integrity, scripts: locked.hasInstallScript === true })
  }
  return entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

function refused(name: string, what: string): GloveboxError {
  return new GloveboxError('REFUSED', `the dependency ${name} ${what}: such a package cannot be pinned`, {
    fix: 'choose a version without it, or install it yourself and start its script with node',
  })
}
