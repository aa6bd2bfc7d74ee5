import { fchmodSync, type Stats } from 'node:fs'
import { GloveboxError } from '../../errors.ts'
import type { Directory } from '../../system/directory.ts'
import { hasCode } from '../../system/error-code.ts'
import { bytesOf, joined, shown, type TreePath } from './path.ts'

/** What a look at a tree finds at a path, without reading any file. */
export interface Entry {
  /** `other`: what is never copied, a device, a pipe, a socket, and what was left out on purpose. */
  readonly kind: 'file' | 'directory' | 'link' | 'other'
  readonly mode: number
  readonly size: number
  /** Another one when anything about it has changed: the kernel sets the time of the last change, and no program can (inode(7)). */
  readonly stamp: string
  readonly link: string | undefined
}

export type Tree = ReadonlyMap<TreePath, Entry>

/** More entries, or a deeper tree, are no workspace; a sandbox could make what would keep us busy for ever. */
export interface TreeLimits {
  readonly entries: number
  readonly depth: number
}

export const treeLimits: TreeLimits = { entries: 1_000_000, depth: 120 }

/** What is not looked at. */
export type LeaveOut = (path: TreePath) => boolean

/**
 * Every entry below a directory. Nothing is followed: each directory is opened by name in the one above it.
 * `enter`: opens what its owner has closed, and closes it again; of a copy of ours alone.
 * @throws GloveboxError FAILED for a tree without end
 */
export async function lookAt(
  top: Directory,
  options: {
    readonly leaveOut: LeaveOut
    readonly enter: boolean
    readonly limits: TreeLimits
    readonly signal?: AbortSignal | undefined
  },
): Promise<Map<TreePath, Entry>> {
  const { leaveOut, enter, limits, signal } = options
  const found = new Map<TreePath, Entry>()
  const breath = breathing(signal)

  const visit = async (directory: Directory, path: TreePath, depth: number): Promise<void> => {
    if (depth > limits.depth) {
      throw new GloveboxError('FAILED', `${shown(path)}: more than ${limits.depth} directories inside each other`)
    }
    for (const name of directory.list()) {
      const at = joined(path, name.toString('latin1'))
      const stat = directory.stat(name)
      if (stat === undefined) continue
      if (found.size >= limits.entries) {
        throw new GloveboxError('FAILED', `more than ${limits.entries} files and directories`)
      }
      if (leaveOut(at)) {
        found.set(at, other(stat))
        continue
      }
      if (!stat.isDirectory()) {
        found.set(at, entryOf(stat, stat.isSymbolicLink() ? directory.readLink(name).toString('latin1') : undefined))
        continue
      }
      const below = opened(directory, name, enter ? stat : undefined)
      if (below === undefined) {
        found.set(at, other(stat))
        continue
      }
      try {
        found.set(at, entryOf(stat, undefined))
        await visit(below, at, depth + 1)
      } finally {
        if (enter && !isOpen(stat)) below.setOwnMode(stat.mode & 0o777)
        below.close()
      }
      await breath()
    }
  }
  await visit(top, '', 1)
  return found
}

/** Undefined for a directory that we may not look into. */
function opened(parent: Directory, name: Buffer, closed: Stats | undefined): Directory | undefined {
  if (closed !== undefined && !isOpen(closed)) parent.enterable(name)
  try {
    return parent.child(name)
  } catch (error) {
    // EACCES: not for us. ENOENT, ENOTDIR, ELOOP: it was a directory a moment ago.
    if (hasCode(error, 'EACCES', 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
    throw error
  }
}

function isOpen(stat: Stats): boolean {
  return (stat.mode & 0o700) === 0o700
}

export function entryOf(stat: Stats, link: string | undefined): Entry {
  const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'link' : 'other'
  return {
    kind,
    // Bits that give somebody else's rights to whoever runs a file are nobody's to copy.
    mode: kind === 'link' ? 0 : stat.mode & 0o777,
    size: kind === 'file' ? stat.size : 0,
    stamp: stampOf(stat),
    link,
  }
}

function other(stat: Stats): Entry {
  return { kind: 'other', mode: 0, size: 0, stamp: stampOf(stat), link: undefined }
}

/** Without the number of the device, which may be another one after the machine was started again. */
export function stampOf(stat: Stats): string {
  return `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`
}

/** The times of a stamp: a change within the same tick of the kernel's clock leaves it as it is. */
export function changedAt(stamp: string): number {
  return Number(stamp.slice(stamp.lastIndexOf(' ') + 1))
}

/** Opens a file of a copy of ours, whatever mode it has; the mode stays. */
export function openOwn(directory: Directory, name: string): number {
  const bytes = bytesOf(name)
  const stat = directory.stat(bytes)
  if (stat === undefined || !stat.isFile() || (stat.mode & 0o400) !== 0) return directory.open(bytes)
  directory.setMode(bytes, stat.mode | 0o400)
  const fd = directory.open(bytes)
  fchmodSync(fd, stat.mode)
  return fd
}

/** Lets everybody else have a turn now and then, signals above all. */
export function breathing(signal: AbortSignal | undefined): () => Promise<void> {
  let last = performance.now()
  return async () => {
    signal?.throwIfAborted()
    if (performance.now() - last < 20) return
    await new Promise((resolve) => setImmediate(resolve))
    last = performance.now()
    signal?.throwIfAborted()
  }
}
