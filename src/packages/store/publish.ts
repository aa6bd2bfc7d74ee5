import { chmodSync, existsSync, linkSync, readFileSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeDirectory } from '../../system/make-directory.ts'
import { sha256 } from '../../system/sha256.ts'
import { canonicalJson } from '../canonical.ts'
import type { FileLine, PackageRecord } from './record.ts'
import { isWatched, takeStamps, writeStamps } from './stamps.ts'
import type { Store } from './store.ts'
import { listTree, type TreeEntry } from './tree.ts'
import { writeWhole } from '../../system/write-whole.ts'

export type NewRecord = Omit<PackageRecord, 'schema' | 'files' | 'bytes' | 'filesSha256' | 'watchedSha256'>

/**
 * Makes a finished tree (`STAGED/tree`) read-only, shares its contents with what is there already, and puts it into the
 * store by one rename. The caller holds the mutex of the key.
 */
export function publish(
  store: Store,
  staged: string,
  facts: NewRecord,
  allowedLinks: ReadonlySet<string> = new Set(),
): PackageRecord {
  const tree = join(staged, 'tree')
  const entries = listTree(tree, allowedLinks)
  let bytes = 0
  const lines = entries.map((entry): FileLine => {
    if (entry.kind === 'directory') return [entry.path, 'd', '']
    if (entry.kind === 'link') return [entry.path, 'l', entry.target ?? '']
    const content = readFileSync(join(tree, entry.path))
    bytes += content.length
    return seal(store, tree, entry, content)
  })
  for (const { kind, path } of entries.toReversed()) if (kind === 'directory') chmodSync(join(tree, path), 0o555)
  const watched = entries.map(({ path }) => path).filter((path) => isWatched(path))
  const [filesText, watchedText] = [JSON.stringify(lines), watched.join('\n')]
  const record: PackageRecord = {
    schema: 'glovebox/package/1',
    ...facts,
    files: lines.filter(([, kind]) => kind !== 'd').length,
    bytes,
    filesSha256: sha256(filesText),
    watchedSha256: sha256(watchedText),
  }
  writeWhole(join(staged, 'files.json'), filesText, 0o444)
  writeWhole(join(staged, 'watched'), watchedText, 0o444)
  writeWhole(join(staged, 'record.json'), `${canonicalJson(record)}\n`, 0o444)
  makeDirectory(store.packages)
  const target = join(store.packages, facts.key)
  renameSync(staged, target)
  chmodSync(target, 0o555)
  writeStamps(store, facts.key, takeStamps(join(target, 'tree'), watched))
  return record
}

/** Read-only, and one inode for equal contents. Empty files are not worth a link. */
function seal(store: Store, tree: string, { path, executable }: TreeEntry, content: Buffer): FileLine {
  const full = join(tree, path)
  const digest = sha256(content)
  chmodSync(full, executable ? 0o555 : 0o444)
  if (content.length > 0)
    share(full, join(store.files, digest.slice(0, 2), executable ? `${digest}.x` : digest), digest)
  return [path, executable ? 'x' : 'f', digest]
}

function share(full: string, shared: string, digest: string): void {
  if (existsSync(shared)) {
    // Somebody may have written to the shared file: what is linked is compared first.
    if (sha256(readFileSync(shared)) === digest) return replaceByLink(shared, full)
    rmSync(shared)
  }
  makeDirectory(dirname(shared))
  linkUnlessImpossible(full, shared)
}

function replaceByLink(shared: string, full: string): void {
  const beside = `${full}.glovebox-link`
  if (!linkUnlessImpossible(shared, beside)) return
  renameSync(beside, full)
  // rename(2) does nothing when both are the same file already.
  if (existsSync(beside)) unlinkSync(beside)
}

/** A file system without hard links, or one inode with too many of them: then each has its own copy. */
function linkUnlessImpossible(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EMLINK' || code === 'EPERM' || code === 'ENOTSUP' || code === 'EEXIST' || code === 'ENOENT')
      return false
    throw error
  }
}
