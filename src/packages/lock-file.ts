import { GloveboxError, messageOf } from '../errors.ts'
import { canonicalJson } from './canonical.ts'
import type { PackageRequest } from './package-command.ts'
import type { Resolution } from './resolution.ts'
import { readIfThere } from './store/record.ts'
import { writeWhole } from '../system/write-whole.ts'

/** `glovebox.lock`: requests with what they were resolved to, to be committed and run elsewhere. */
export interface LockFile {
  readonly schema: 'glovebox/lock/1'
  readonly packages: readonly LockedRequest[]
}

export interface LockedRequest {
  readonly request: PackageRequest
  readonly resolution: Resolution
  readonly allowScripts: readonly string[]
}

/** @throws GloveboxError USAGE when it is no lock file; undefined when it is not there */
export function readLockFile(path: string): LockFile | undefined {
  try {
    const text = readIfThere(path)
    if (text === undefined) return undefined
    const file = JSON.parse(text) as { schema?: unknown; packages?: unknown }
    if (file.schema === 'glovebox/lock/1' && Array.isArray(file.packages)) return file as LockFile
    throw new Error(`its schema is ${JSON.stringify(file.schema)}, and glovebox/lock/1 is known here`)
  } catch (error) {
    throw new GloveboxError('USAGE', `${path}: no lock file of Glovebox: ${messageOf(error)}`, {
      cause: error,
      fix: 'take it from version control again, or remove it and write it anew: glovebox package lock -- COMMAND',
    })
  }
}

/** Which lock file holds for a start. `frozen`: what it does not have is not run. */
export interface LockOptions {
  readonly path: string
  readonly frozen: boolean
}

/**
 * What a lock file says of a request.
 * @throws GloveboxError USAGE when there is no such file; REFUSED when it is frozen and says nothing, or says something else than was asked for
 */
export function lockedTo(lock: LockOptions | undefined, request: PackageRequest): LockedRequest | undefined {
  if (lock === undefined) return undefined
  const file = readLockFile(lock.path)
  // A mistyped path would run whatever is newest.
  if (file === undefined && !lock.frozen) {
    throw new GloveboxError('USAGE', `--lock ${lock.path}: there is no such file`, {
      fix: 'check the path; glovebox package lock -- COMMAND writes one',
    })
  }
  const wanted = canonicalJson(request)
  const found = file?.packages.find((locked) => canonicalJson(locked.request) === wanted)
  if (found === undefined && lock.frozen) {
    throw new GloveboxError(
      'REFUSED',
      file === undefined
        ? `there is no lock file ${lock.path}, and --frozen runs nothing else than what it has`
        : `${request.packages.join(', ')} is not in ${lock.path}, and --frozen runs nothing else`,
      {
        fix: 'glovebox package lock -- COMMAND adds it, where it may be resolved',
      },
    )
  }
  return found
}

/** Adds or replaces one request; the order and the layout are always the same, so that a diff shows what changed. */
export function writeLocked(path: string, locked: LockedRequest): void {
  const others = (readLockFile(path)?.packages ?? []).filter(
    ({ request }) => canonicalJson(request) !== canonicalJson(locked.request),
  )
  const packages = [...others, locked].toSorted((a, b) =>
    canonicalJson(a.request) < canonicalJson(b.request) ? -1 : 1,
  )
  const sorted = JSON.parse(canonicalJson({ schema: 'glovebox/lock/1', packages })) as unknown
  writeWhole(path, `${JSON.stringify(sorted, null, 2)}\n`, 0o644)
}
