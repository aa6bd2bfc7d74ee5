import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  type BigIntStats,
} from 'node:fs'
import { join } from 'node:path'

/** A path of the host with all that is below it, as it was when it was looked at. */
export interface Found {
  readonly source: string
  /** The source itself first (`''`), each directory before what is in it. */
  readonly entries: readonly FoundEntry[]
  /** Of the contents of files, one that has several names once. */
  readonly bytes: number
  readonly leftOut: readonly string[]
}

export interface FoundEntry {
  /** Relative to the source. */
  readonly path: string
  readonly kind: 'directory' | 'file' | 'link' | 'denied'
  readonly mode: number
  /** Of the file: two with the same one are the same. */
  readonly inode: string
  /** Change time in nanoseconds, which nobody but the kernel sets (utimensat(2)). */
  readonly stamp: string
  readonly modified: number
  readonly target?: string
}

/** What of a path can be packed; in the order of names, so that the same tree is the same drive. */
export function walk(source: string, deny: ReadonlySet<string>): Found {
  const entries: FoundEntry[] = []
  const leftOut: string[] = []
  const seen = new Set<string>()
  let bytes = 0
  const visit = (path: string): void => {
    const full = path === '' ? source : join(source, path)
    const stat = lstatSync(full, { bigint: true })
    const kind = deny.has(full) ? 'denied' : kindOf(stat)
    const readable = kind === 'link' || kind === 'denied' || isReadable(full, stat.isDirectory())
    if (kind === undefined || !readable) {
      leftOut.push(full)
      return
    }
    const about = {
      path,
      kind,
      mode: Number(stat.mode) & 0o777,
      inode: `${stat.dev}:${stat.ino}`,
      stamp: `${stat.ctimeNs}`,
      modified: Number(stat.mtimeMs) / 1000,
    }
    if (kind === 'denied') entries.push({ ...about, mode: stat.isDirectory() ? 0o40_000 : 0 })
    else entries.push(kind === 'link' ? { ...about, target: readlinkSync(full) } : about)
    if (kind === 'file' && !seen.has(about.inode)) bytes += Number(stat.size)
    if (kind === 'file') seen.add(about.inode)
    if (kind === 'directory')
      for (const name of readdirSync(full).toSorted()) visit(path === '' ? name : join(path, name))
  }
  visit('')
  return { source, entries, bytes, leftOut }
}

function kindOf(stat: BigIntStats): FoundEntry['kind'] | undefined {
  if (stat.isDirectory()) return 'directory'
  if (stat.isFile()) return 'file'
  return stat.isSymbolicLink() ? 'link' : undefined
}

function isReadable(path: string, isDirectory: boolean): boolean {
  try {
    accessSync(path, isDirectory ? constants.R_OK | constants.X_OK : constants.R_OK)
    return true
  } catch {
    return false // what this user cannot read is not given to a sandbox of theirs
  }
}

/**
 * Copies what was found to `tree/0`, `tree/1`, … Copies, and no hard links: a link changes the change time of its file, by
 * which packages are known to be untouched. Where the file system can, a copy shares its blocks.
 */
export function gather(
  found: readonly Found[],
  tree: string,
  signal?: AbortSignal,
  /** Where an entry of a source comes to lie. */
  placeOf: (index: number, path: string) => string = (index, path) => join(tree, String(index), path),
): void {
  const copies = new Map<string, string>()
  for (const [index, { source, entries }] of found.entries()) {
    const at = (path: string): string => placeOf(index, path)
    for (const entry of entries) {
      signal?.throwIfAborted()
      place(entry, entry.path === '' ? source : join(source, entry.path), at(entry.path), copies)
    }
    // Inner ones first: a file made in a directory would change its time.
    for (const { kind, path, mode, modified } of entries.toReversed()) {
      if (kind !== 'directory') continue
      chmodSync(at(path), mode | 0o500)
      utimesSync(at(path), modified, modified)
    }
  }
}

function place(entry: FoundEntry, from: string, to: string, copies: Map<string, string>): void {
  const { kind, inode, mode, modified } = entry
  if (kind === 'directory') return existsSync(to) ? undefined : mkdirSync(to, { mode: 0o700 })
  if (kind === 'denied') return mode === 0 ? writeFileSync(to, '', { mode: 0o400 }) : mkdirSync(to, { mode: 0o500 })
  if (kind === 'link') {
    symlinkSync(entry.target ?? '', to)
    return lutimesSync(to, modified, modified)
  }
  const copy = copies.get(inode)
  if (copy !== undefined) return linkSync(copy, to)
  copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  chmodSync(to, mode | 0o400)
  utimesSync(to, modified, modified)
  copies.set(inode, to)
}
