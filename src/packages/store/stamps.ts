import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeWhole } from '../../system/write-whole.ts'
import type { Store } from './store.ts'

/** Change time, size and inode: nobody but the kernel sets the first one (utimensat(2) cannot). */
const fields = 3

/** The stamps of files as they are now, three numbers each; a missing file has none (NaN). */
export function takeStamps(tree: string, paths: readonly string[]): Float64Array {
  const stamps = new Float64Array(paths.length * fields)
  const quietly = { throwIfNoEntry: false } as const
  let at = 0
  for (const path of paths) {
    const stat = lstatSync(`${tree}/${path}`, quietly)
    stamps[at] = stat?.ctimeMs ?? Number.NaN
    stamps[at + 1] = stat?.size ?? Number.NaN
    stamps[at + 2] = stat?.ino ?? Number.NaN
    at += fields
  }
  return stamps
}

/** The indices of the files whose stamp is another one; all when nothing was recorded. */
export function changedSince(before: Float64Array | undefined, now: Float64Array): number[] {
  const changed: number[] = []
  for (let at = 0; at < now.length; at += fields) {
    const same =
      before?.length === now.length &&
      now[at] === before[at] &&
      now[at + 1] === before[at + 1] &&
      now[at + 2] === before[at + 2]
    if (!same) changed.push(at / fields)
  }
  return changed
}

export function readStamps(store: Store, key: string): Float64Array | undefined {
  try {
    const bytes = readFileSync(stampsFile(store, key))
    return new Float64Array(new Uint8Array(bytes).buffer, 0, Math.floor(bytes.length / 8))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

export function writeStamps(store: Store, key: string, stamps: Float64Array): void {
  writeWhole(stampsFile(store, key), new Uint8Array(stamps.buffer, stamps.byteOffset, stamps.byteLength))
}

function stampsFile(store: Store, key: string): string {
  return join(store.stamps, `${key}.f64`)
}

/**
 * Whether a file can take part in what runs. Type declarations and source maps are erased before anything runs:
 * they are half of a usual tree, and are compared by `package verify` only.
 */
export function isWatched(path: string): boolean {
  return !/\.(d\.[cm]?ts|map)$/.test(path)
}
