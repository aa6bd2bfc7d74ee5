import { accessSync, constants, opendirSync } from 'node:fs'
import { join } from 'node:path'
import type { LookedUp } from '../../policy/learn/learned.ts'
import { whySecret } from '../../policy/learn/secrets.ts'
import { inspectPath } from '../inspect/paths.ts'

/** What is at paths of the host that a sandbox named: looked at once each, never opened. */
export function createLook(): (path: string) => LookedUp {
  const known = new Map<string, LookedUp>()
  return (path) => {
    const found = known.get(path) ?? look(path)
    known.set(path, found)
    return found
  }
}

function look(path: string): LookedUp {
  const fact = inspectPath(path, '/')
  return {
    ...fact,
    isExecutable: fact.kind === 'file' && isExecutable(path),
    hasSecrets: fact.kind === 'directory' && hasSecrets(path),
  }
}

function isExecutable(path: string): boolean {
  return tried(() => accessSync(path, constants.X_OK) ?? true) === true
}

/** Entries that are looked at for one directory. */
const maxEntries = 20_000

/** At any depth. What cannot be looked through, or has no end, may have some. */
function hasSecrets(directory: string): boolean {
  const left = [directory]
  let seen = 0
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    const listed = tried(() => opendirSync(at))
    if (listed === undefined) return true
    try {
      for (let entry = listed.readSync(); entry !== null; entry = listed.readSync()) {
        const path = join(at, entry.name)
        if (++seen > maxEntries || whySecret(path) !== undefined) return true
        if (entry.isDirectory()) left.push(path)
      }
    } finally {
      listed.closeSync()
    }
  }
  return false
}

/** What a system call gives, or undefined where it fails with a system error. */
function tried<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}
