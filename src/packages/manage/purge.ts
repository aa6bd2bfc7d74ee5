import { chmodSync, existsSync, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory } from '../../system/make-directory.ts'
import { pinFile } from '../pin.ts'
import { tryHold } from '../store/mutex.ts'
import { namesIn, reapStaging, removeTree } from '../store/staging.ts'
import type { Store } from '../store/store.ts'
import { keysInUse } from './in-use.ts'
import { allPins, type ListedPackage } from './list.ts'

export interface Purged {
  readonly removed: readonly string[]
  /** A sandbox runs from them, or they are being installed. */
  readonly kept: readonly string[]
  readonly bytes: number
}

/**
 * Removes packages; what they are pinned to stays, unless it is to be forgotten: the same versions then come back with
 * the next start. Contents that no package has any more go too.
 */
export function purge(store: Store, packages: readonly ListedPackage[], { forget }: { forget: boolean }): Purged {
  const inUse = existsSync('/proc/self/mountinfo') ? keysInUse(store.packages) : new Set<string>()
  const [removed, kept]: [string[], string[]] = [[], []]
  for (const { key, pins } of packages) {
    if (!inUse.has(key) && removeOne(store, key)) {
      removed.push(key)
      if (forget) for (const { request } of pins) rmSync(pinFile(store, request), { force: true })
    } else kept.push(key)
  }
  reapStaging(store)
  if (forget) dropResolutions(store)
  return { removed, kept, bytes: dropContents(store) }
}

/** Gone from where starts look for it by one rename, then removed. */
function removeOne(store: Store, key: string): boolean {
  using held = tryHold(store, key)
  if (held === undefined) return false
  const from = join(store.packages, key)
  if (lstatSync(from, { throwIfNoEntry: false }) !== undefined) {
    const trash = join(store.staging, `${key}~purged`)
    removeTree(trash)
    makeDirectory(store.staging)
    // Moving a directory to another one writes its `..` (rename(2), EACCES).
    chmodSync(from, 0o700)
    renameSync(from, trash)
    removeTree(trash)
  }
  rmSync(join(store.stamps, `${key}.f64`), { force: true })
  return true
}

function dropContents(store: Store): number {
  let bytes = 0
  for (const directory of namesIn(store.files)) {
    for (const name of readdirSync(join(store.files, directory))) {
      const path = join(store.files, directory, name)
      const stat = lstatSync(path, { throwIfNoEntry: false })
      if (stat?.nlink !== 1) continue
      bytes += stat.size
      rmSync(path, { force: true })
    }
  }
  return bytes
}

function dropResolutions(store: Store): void {
  const wanted = new Set(allPins(store).map(({ resolution }) => `${resolution}.json`))
  for (const name of namesIn(store.resolutions)) if (!wanted.has(name)) rmSync(join(store.resolutions, name))
}
