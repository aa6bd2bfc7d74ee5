import { fsyncSync } from 'node:fs'
import { GloveboxError } from '../../errors.ts'
import { formatBytes } from '../../policy/sizes.ts'
import type { Directory } from '../../system/directory.ts'
import { hasCode } from '../../system/error-code.ts'
import type { Places } from '../../system/places.ts'
import { syncDisk } from '../../system/sync-disk.ts'
import { applyOne, settleDirectories, type Applying } from './apply.ts'
import { makeBackup, type Backup, type BackupAbout, type BackupItem, type WhichBackup } from './backup.ts'
import { itemsOf } from './backup-items.ts'
import type { Change, Conflict, Outcome } from './compare.ts'
import { copyTools } from './copy-file.ts'
import { parentOf, type TreePath } from './path.ts'
import type { Reach } from './reach.ts'
import { breathing, type Tree } from './tree.ts'

/** What became of it. */
export interface Merged {
  readonly done: readonly Change[]
  readonly conflicts: readonly Conflict[]
  readonly failed: readonly { readonly path: TreePath; readonly why: string }[]
  /** What of the conflicts is beside the backup. */
  readonly kept: readonly TreePath[]
  readonly backup: { readonly name: string; readonly directory: string } | undefined
}

export interface MergeOptions {
  readonly places: Places
  readonly about: Pick<BackupAbout, 'workspace' | 'inode' | 'id' | 'server'>
  /** The backup that this is done from, and what of it. */
  readonly of?: { readonly which: WhichBackup; readonly name: string; readonly paths: readonly TreePath[] } | undefined
  readonly onBytes: (bytes: number) => void
  readonly signal: AbortSignal | undefined
}

/** From here on, one sync of a file system takes less time than one of each file. */
const fewFiles = 100

/** The trees of a merge, as they were looked at. */
export interface MergedTrees {
  readonly hostTree: Tree
  readonly sandboxTree: Tree
  /** What a file is called until it is whole. */
  readonly beside: string
  /** The host's. */
  readonly top: Directory
}

/**
 * Takes changes over: a backup of all that they replace, on disk, then one after the other; at the end what was not taken over is kept
 * beside the backup.
 * @throws GloveboxError before anything is changed; the system's error, or `signal.reason`, where doing it again goes on
 */
export async function takeOverChanges(
  { changes, conflicts }: Outcome,
  reach: { readonly host: Reach; readonly sandbox: Reach },
  trees: MergedTrees,
  { places, about, of, onBytes, signal }: MergeOptions,
): Promise<Merged> {
  // That there is nothing left to do of a backup is worth a note too.
  if (changes.length === 0 && conflicts.length === 0 && of === undefined) {
    return { done: [], conflicts: [], failed: [], kept: [], backup: undefined }
  }
  requireRoom(changes, trees, of === undefined ? 'glovebox workspace sync ID' : 'do it again')
  const together = changes.length > fewFiles && (await syncDisk(about.workspace))
  const tools = copyTools(onBytes, signal, !together)
  const backup = makeBackup(places, about.id, tools)
  try {
    const { ready, ...missed } = await keepAll(changes, reach.host, trees.hostTree, backup, signal)
    const items = await itemsOf(ready, trees, reach.sandbox, signal)
    const { workspace, inode, id, server } = about
    const note = (kept: readonly TreePath[], ofDone?: readonly TreePath[]): void =>
      backup.note({
        workspace,
        inode,
        id,
        server,
        of: of && { which: of.which, name: of.name, done: ofDone },
        atMs: Date.now(),
        items: [...items.values()],
        kept,
      })
    note([])
    // Nothing is replaced before its backup is on disk.
    if (together) await syncDisk(backup.directory)
    const applying: Applying = { ...reach, ...trees, tools }
    const done: Change[] = []
    try {
      await applyEach(ready, applying, { items, missed, done, breath: breathing(signal) })
    } finally {
      // Also of what was cut off in its middle: what was done can be undone.
      settleDirectories(
        done.filter(({ is }) => is?.kind === 'directory').map(({ path }) => path),
        applying,
      )
      note([])
    }
    const all = [...conflicts, ...missed.late]
    const kept: TreePath[] = []
    for (const { path, is } of all) {
      if (is !== undefined && (await backup.keepSandboxes(reach.sandbox, path))) kept.push(path)
    }
    note(kept)
    // The copy stays until all that was made of it is on disk.
    if (together) await Promise.all([syncDisk(backup.directory), syncDisk(about.workspace)])
    else {
      backup.flush()
      flush(done, reach.host)
    }
    // It counts as done when it is on disk, and not before.
    if (of !== undefined) note(kept, without(of.paths, [...all, ...missed.failed]))
    const { name, directory } = backup
    return { done, conflicts: all, failed: missed.failed, kept, backup: { name, directory } }
  } finally {
    backup.close()
  }
}

function without(paths: readonly TreePath[], missed: readonly { readonly path: TreePath }[]): TreePath[] {
  const left = new Set(missed.map(({ path }) => path))
  return paths.filter((path) => !left.has(path))
}

/** What was not done, and why. */
interface Missed {
  readonly late: Conflict[]
  readonly failed: { readonly path: TreePath; readonly why: string }[]
}

async function applyEach(
  changes: readonly Change[],
  applying: Applying,
  into: {
    readonly items: Map<TreePath, BackupItem>
    readonly missed: Missed
    readonly done: Change[]
    readonly breath: () => Promise<void>
  },
): Promise<void> {
  const { items, missed, done, breath } = into
  for (const change of inOrder(changes)) {
    const result = await applyOne(change, applying)
    if (result.how === 'done') {
      done.push(change)
      const item = items.get(change.path)
      if (item?.is && result.is) items.set(change.path, { ...item, is: { ...item.is, stamp: result.is.stamp } })
    } else {
      items.delete(change.path)
      if (result.how === 'late') missed.late.push({ path: change.path, why: 'changed', is: change.is })
      else missed.failed.push({ path: change.path, why: result.why })
    }
    await breath()
  }
}

/** Files are on disk; their names are when their directories are (fsync(2)). */
function flush(done: readonly Change[], host: Reach): void {
  for (const parent of new Set(done.map(({ path }) => parentOf(path)))) {
    try {
      fsyncSync(host.directory(parent).fd)
    } catch (error) {
      // Gone with what was in it, or somebody else's by now.
      if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) throw error
    }
  }
}

/** Before anything is touched: what there is no room for must not be half done. */
function requireRoom(
  changes: readonly Change[],
  { hostTree, sandboxTree, top }: { hostTree: Tree; sandboxTree: Tree; top: Directory },
  again: string,
): void {
  let [largest, more] = [0, 0]
  for (const { path, is } of changes) {
    if (is?.kind !== 'file') continue
    const size = sandboxTree.get(path)?.size ?? 0
    largest = Math.max(largest, size)
    more += Math.max(0, size - (hostTree.get(path)?.size ?? 0))
  }
  const free = top.free()
  if (more + largest <= free) return
  throw new GloveboxError(
    'FAILED',
    `the workspace has ${formatBytes(free)} free, and the changes take ${formatBytes(more + largest)}: nothing was changed`,
    { fix: `make room, then ${again}` },
  )
}

/** All that will be replaced or removed, before the first of it is. */
async function keepAll(
  changes: readonly Change[],
  host: Reach,
  tree: Tree,
  backup: Backup,
  signal: AbortSignal | undefined,
): Promise<Missed & { readonly ready: Change[] }> {
  const kept = { ready: [] as Change[], late: [] as Conflict[], failed: [] as Missed['failed'] }
  const breath = breathing(signal)
  for (const change of changes) {
    const { path, is } = change
    const entry = tree.get(path)
    const how = entry === undefined ? 'same' : await keepOne(path, entry, host, backup)
    if (how === 'same') kept.ready.push(change)
    else if (how === 'changed') kept.late.push({ path, why: 'changed', is })
    else kept.failed.push({ path, why: how.why })
    await breath()
  }
  return kept
}

async function keepOne(
  path: TreePath,
  entry: Parameters<Backup['keep']>[2],
  host: Reach,
  backup: Backup,
): Promise<'same' | 'changed' | { readonly why: string }> {
  try {
    return await backup.keep(host.parent(path), path, entry)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return 'changed'
    // What cannot be kept is not replaced.
    if (hasCode(error, 'EACCES')) return { why: 'it cannot be read, so it cannot be backed up' }
    throw error
  }
}

/** What goes, from the bottom up; then what comes, from the top down. */
function inOrder(changes: readonly Change[]): Change[] {
  const goes = changes.filter(({ op }) => op === 'delete')
  return [...goes.toReversed(), ...changes.filter(({ op }) => op !== 'delete')]
}
