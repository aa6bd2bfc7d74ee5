import { GloveboxError } from '../../errors.ts'
import { formatBytes } from '../../policy/sizes.ts'
import type { Directory } from '../../system/directory.ts'
import type { Places } from '../../system/places.ts'
import { syncDisk } from '../../system/sync-disk.ts'
import { hasCode } from '../../system/error-code.ts'
import { applyOne, settleDirectories, type Applying } from './apply.ts'
import { makeBackup, type Backup, type BackupItem } from './backup.ts'
import { compare, type Change, type Conflict, type States } from './compare.ts'
import { compareContents } from './contents.ts'
import { copyTools } from './copy-file.ts'
import { whyHeld } from './held.ts'
import type { Manifest } from './manifest.ts'
import { bytesOf, nameOf, type TreePath } from './path.ts'
import { reachFrom, type Reach } from './reach.ts'
import { breathing, lookAt, treeLimits, type LeaveOut, type Tree } from './tree.ts'

/** What the sandbox did, found and not yet taken over. */
export interface Found {
  readonly changes: readonly Change[]
  readonly conflicts: readonly Conflict[]
  /** Of changes, also of those that are held: why somebody should say yes to them first. */
  readonly warnings: ReadonlyMap<TreePath, string>
  /** What the sandbox has made that is no file, directory or link. */
  readonly special: readonly TreePath[]
}

/** What became of it. */
export interface Merged {
  readonly done: readonly Change[]
  readonly conflicts: readonly Conflict[]
  readonly failed: readonly { readonly path: TreePath; readonly why: string }[]
  readonly backup: { readonly name: string; readonly directory: string } | undefined
}

/** Two trees, open, and what has been found out about them. */
export interface Merge {
  readonly found: Found
  /** With those that are held where `all`. */
  apply(options: MergeOptions & { readonly all: boolean }): Promise<Merged>
  close(): void
}

export interface MergeOptions {
  readonly places: Places
  readonly about: { readonly workspace: string; readonly inode: number; readonly id: string; readonly server: string }
  readonly onBytes: (bytes: number) => void
  readonly signal: AbortSignal | undefined
}

/**
 * Compares three ways: what was copied in, what the host has now, what the sandbox has.
 * @throws GloveboxError FAILED for more than the host takes; nothing is changed then
 */
export async function openMerge(options: {
  /** What was copied in; or that by what the host has. */
  readonly original: Manifest | ((host: Tree) => Manifest)
  readonly host: Directory
  readonly sandbox: Directory
  /** Instead of all that is in `sandbox`. */
  readonly seen?: ((sandbox: Tree) => Tree) | undefined
  readonly leaveOut: LeaveOut
  /** What a file is called on the host until it is whole. */
  readonly beside: string
  /** How much larger the host's tree may become. */
  readonly growthBytes: number
  readonly signal: AbortSignal | undefined
}): Promise<Merge> {
  const { leaveOut, beside, signal, growthBytes } = options
  const look = { leaveOut, limits: treeLimits, signal }
  const sandboxTree = await lookAt(options.sandbox, { ...look, enter: true })
  const hostTree = await lookAt(options.host, { ...look, enter: false })
  const reach = { host: reachFrom(options.host, { own: false }), sandbox: reachFrom(options.sandbox, { own: true }) }
  const close = (): void => {
    reach.host.close()
    reach.sandbox.close()
  }
  try {
    sweep(hostTree, reach.host, beside)
    const seen = options.seen?.(sandboxTree) ?? withoutLeftOut(sandboxTree, leaveOut)
    const original = typeof options.original === 'function' ? options.original(hostTree) : options.original
    const states = await compareContents({ original, host: hostTree, sandbox: seen }, reach, signal)
    const { warnings, isHeld } = heldIn(states, reach)
    const { changes, conflicts } = compare(states, isHeld)
    const all = compare(states)
    boundGrowth(all.changes, { host: hostTree, sandbox: seen }, growthBytes)
    const special = [...seen].filter(([, { kind }]) => kind === 'other').map(([path]) => path)
    return {
      found: { changes, conflicts, warnings, special },
      apply: (settings) =>
        applyAll(
          settings.all ? all : { changes, conflicts },
          reach,
          { hostTree, sandboxTree: seen, beside, top: options.host },
          settings,
        ),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

/** What an interrupted writing left, which is nobody's. */
function sweep(tree: Map<TreePath, unknown>, host: Reach, beside: string): void {
  for (const path of tree.keys()) {
    if (nameOf(path) !== beside) continue
    host.parent(path).unlink(bytesOf(beside))
    tree.delete(path)
  }
}

/** On the host it is something in the way, in the copy it is nothing. */
function withoutLeftOut(tree: Tree, leaveOut: LeaveOut): Tree {
  return new Map([...tree].filter(([path]) => !leaveOut(path)))
}

function heldIn(
  states: { readonly sandbox: States },
  reach: { readonly host: Reach; readonly sandbox: Reach },
): { warnings: Map<TreePath, string>; isHeld: (change: Change) => boolean } {
  const warnings = new Map<TreePath, string>()
  return {
    warnings,
    isHeld(change) {
      const why = whyHeld(change, states.sandbox, reach)
      if (why !== undefined) warnings.set(change.path, why)
      return why !== undefined
    },
  }
}

function boundGrowth(changes: readonly Change[], trees: { host: Tree; sandbox: Tree }, most: number): void {
  let bytes = 0
  for (const { path, is } of changes) {
    if (is?.kind !== 'file') continue
    bytes += Math.max(0, (trees.sandbox.get(path)?.size ?? 0) - (trees.host.get(path)?.size ?? 0))
  }
  if (bytes <= most) return
  throw new GloveboxError(
    'FAILED',
    `the sandbox has added ${formatBytes(bytes)} to the workspace, and ${formatBytes(most)} is what disk allows: nothing was changed`,
    { fix: 'look at the copy; glovebox workspace sync ID --disk SIZE takes over more' },
  )
}

/** From here on, one sync of a file system takes less time than one of each file. */
const fewFiles = 100

async function applyAll(
  { changes, conflicts }: { readonly changes: readonly Change[]; readonly conflicts: readonly Conflict[] },
  reach: { readonly host: Reach; readonly sandbox: Reach },
  trees: { readonly hostTree: Tree; readonly sandboxTree: Tree; readonly beside: string; readonly top: Directory },
  { places, about, onBytes, signal }: MergeOptions,
): Promise<Merged> {
  if (changes.length === 0 && conflicts.length === 0) return { done: [], conflicts: [], failed: [], backup: undefined }
  requireRoom(changes, trees)
  const together = changes.length > fewFiles && (await syncDisk(about.workspace))
  const tools = copyTools(onBytes, signal, !together)
  const backup = makeBackup(places, about.id, tools)
  // Nothing is replaced before its backup is on disk, and the copy stays until what it has is.
  const settled = async (path: string): Promise<void> => {
    if (together) await syncDisk(path)
  }
  try {
    const late: Conflict[] = []
    const failed: { path: TreePath; why: string }[] = []
    const ready = await keepAll(changes, reach.host, trees.hostTree, backup, late, failed, breathing(signal))
    const items = new Map(ready.map((change) => [change.path, itemOf(change, trees)]))
    const { workspace, inode, id, server } = about
    const note = (kept: readonly TreePath[]): void =>
      backup.note({ workspace, inode, id, server, atMs: Date.now(), items: [...items.values()], kept })
    note([])
    await settled(backup.directory)
    const applying: Applying = { ...reach, ...trees, tools }
    const done: Change[] = []
    const breath = breathing(signal)
    for (const change of inOrder(ready)) {
      const result = await applyOne(change, applying)
      if (result.how === 'done') {
        done.push(change)
        const item = items.get(change.path)
        if (item?.is && result.is) items.set(change.path, { ...item, is: { ...item.is, stamp: result.is.stamp } })
      } else {
        items.delete(change.path)
        if (result.how === 'late') late.push({ path: change.path, why: 'changed', is: change.is })
        else failed.push({ path: change.path, why: result.why })
      }
      await breath()
    }
    settleDirectories(
      done.filter(({ op, is }) => op !== 'delete' && is?.kind === 'directory').map(({ path }) => path),
      applying,
    )
    const all = [...conflicts, ...late]
    const kept: TreePath[] = []
    for (const { path, is } of all) {
      if (is !== undefined && (await backup.keepSandboxes(reach.sandbox, path))) kept.push(path)
    }
    note(kept)
    await settled(backup.directory)
    await settled(about.workspace)
    return { done, conflicts: all, failed, backup: { name: backup.name, directory: backup.directory } }
  } finally {
    backup.close()
  }
}

/** Before anything is touched: what there is no room for must not be half done. */
function requireRoom(
  changes: readonly Change[],
  { hostTree, sandboxTree, top }: { hostTree: Tree; sandboxTree: Tree; top: Directory },
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
    `the workspace has ${formatBytes(free)} free, and the sandbox’s changes take ${formatBytes(more + largest)}: nothing was changed`,
    { fix: 'make room, then glovebox workspace sync ID' },
  )
}

/** All that will be replaced or removed, before the first of it is. */
async function keepAll(
  changes: readonly Change[],
  host: Reach,
  tree: Tree,
  backup: Backup,
  late: Conflict[],
  failed: { path: TreePath; why: string }[],
  breath: () => Promise<void>,
): Promise<Change[]> {
  const ready: Change[] = []
  for (const change of changes) {
    const entry = tree.get(change.path)
    const how = entry === undefined ? 'same' : await keepOne(change.path, entry, host, backup)
    if (how === 'same') ready.push(change)
    else if (how === 'changed') late.push({ path: change.path, why: 'changed', is: change.is })
    else failed.push({ path: change.path, why: how.why })
    await breath()
  }
  return ready
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

function itemOf({ path, op }: Change, { hostTree, sandboxTree }: { hostTree: Tree; sandboxTree: Tree }): BackupItem {
  const [was, is] = [hostTree.get(path), op === 'delete' ? undefined : sandboxTree.get(path)]
  return {
    path,
    op,
    was: was === undefined ? null : { kind: was.kind, mode: was.mode },
    is: is === undefined ? null : { kind: is.kind, mode: is.mode, size: is.size, stamp: '', link: is.link },
  }
}
