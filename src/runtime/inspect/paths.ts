import { realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import type { PathFact } from '../../policy/host-facts.ts'

/** What is at a path that a user wrote, relative to `cwd`; a leading `~/` is the user's home. */
export function inspectPath(given: string, cwd: string): PathFact {
  const expanded = given === '~' ? homedir() : given.startsWith('~/') ? resolve(homedir(), given.slice(2)) : given
  const absolute = resolve(cwd, expanded)
  try {
    const real = realpathSync.native(absolute)
    const stat = statSync(real)
    return { absolute, real, kind: stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : 'other' }
  } catch (error) {
    if (isMissing(error)) return { absolute, real: undefined, kind: 'missing' }
    throw error
  }
}

/** A word that is too long for a name is none. */
const nothingThere: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'])

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && nothingThere.has(error.code)
}
