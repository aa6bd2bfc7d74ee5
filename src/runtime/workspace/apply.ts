import { closeSync, fchmodSync, fstatSync } from 'node:fs'
import { messageOf } from '../../errors.ts'
import { withoutDescriptors, type Directory } from '../../system/directory.ts'
import { errorCode, hasCode } from '../../system/error-code.ts'
import type { Change } from './compare.ts'
import { copyFile, type CopyTools } from './copy-file.ts'
import { bytesOf, nameOf, shown, type TreePath } from './path.ts'
import type { Reach } from './reach.ts'
import { entryOf, openOwn, stampOf, type Entry, type Tree } from './tree.ts'

/** What became of one change. */
export type Applied =
  | { readonly how: 'done'; readonly is: Entry | undefined }
  /** The host did something there since it was looked at. */
  | { readonly how: 'late' }
  | { readonly how: 'failed'; readonly why: string }

export interface Applying {
  readonly host: Reach
  readonly sandbox: Reach
  readonly hostTree: Tree
  readonly sandboxTree: Tree
  /** What a file is called until it is whole: one name, so that what an interruption left is found. */
  readonly beside: string
  readonly tools: CopyTools
}

/** What nothing else goes on after: no room, no such file system any more. */
const endings: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE'])

/**
 * Makes one change on the host: a file is written beside its place and moved there in one step, and nothing is replaced or removed
 * that is not what was compared. Each directory on the way is opened by name in the one above it, never through a link.
 * @throws the system's error after which nothing else would go better; `signal.reason`
 */
export async function applyOne(change: Change, applying: Applying): Promise<Applied> {
  try {
    const parent = applying.host.parent(change.path)
    const close = madeWritable(parent)
    try {
      return change.is === undefined ? remove(change, parent, applying) : await put(change, parent, applying)
    } finally {
      close()
    }
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined || endings.has(code)) throw error
    // A directory on the way is none any more, or is not empty.
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EEXIST', 'ENOTEMPTY'].includes(code)) return { how: 'late' }
    return { how: 'failed', why: shown(withoutDescriptors(messageOf(error))) }
  }
}

/** A directory that its owner has made read-only is made writable for as long as one change takes, as its owner would do it. */
function madeWritable(directory: Directory): () => void {
  const { mode, uid } = fstatSync(directory.fd)
  const own = process.getuid?.()
  if ((mode & 0o200) !== 0 || own === 0 || uid !== own) return () => undefined
  directory.setOwnMode((mode & 0o7777) | 0o200)
  return () => directory.setOwnMode(mode & 0o7777)
}

function remove({ path }: Change, parent: Directory, { host, hostTree }: Applying): Applied {
  const name = bytesOf(nameOf(path))
  if (!isAsSeen(parent, path, hostTree)) return { how: 'late' }
  if (hostTree.get(path)?.kind === 'directory') {
    host.forget(path)
    parent.removeEmpty(name)
  } else parent.unlink(name)
  return { how: 'done', is: undefined }
}

async function put(change: Change, parent: Directory, applying: Applying): Promise<Applied> {
  const { path, was, is } = change
  const { host, hostTree } = applying
  if (!isAsSeen(parent, path, hostTree)) return { how: 'late' }
  if (is?.kind === 'directory') return putDirectory(change, parent, applying)
  if (was?.kind === 'directory') {
    host.forget(path)
    parent.removeEmpty(bytesOf(nameOf(path)))
  }
  if (is?.kind === 'link') return putLink(change, parent, applying)
  if (was?.kind === 'file' && was.content === is?.content) {
    const done = setFileMode(parent, path, is.mode, hostTree)
    if (done !== undefined) return done
  }
  return putFile(change, parent, applying)
}

function putDirectory({ path, was, is }: Change, parent: Directory, { host }: Applying): Applied {
  const name = bytesOf(nameOf(path))
  if (was?.kind === 'directory') {
    // Its own bits beyond permissions (a group for what is made in it) are the host's.
    const special = (parent.stat(name)?.mode ?? 0) & 0o7000
    const directory = parent.child(name)
    try {
      // The rest of its mode comes when all is in it.
      directory.setOwnMode((is?.mode ?? 0) | 0o700 | special)
      return { how: 'done', is: entryOf(fstatSync(directory.fd), undefined) }
    } finally {
      directory.close()
    }
  }
  if (was !== undefined) parent.unlink(name)
  host.forget(path)
  const directory = parent.make(name)
  try {
    giveAway(directory, parent)
    directory.setOwnMode((is?.mode ?? 0) | 0o700 | (fstatSync(directory.fd).mode & 0o7000))
    return { how: 'done', is: entryOf(fstatSync(directory.fd), undefined) }
  } finally {
    directory.close()
  }
}

function putLink({ path, was, is }: Change, parent: Directory, { beside }: Applying): Applied {
  const name = bytesOf(nameOf(path))
  const target = bytesOf(is?.content ?? '')
  if (was === undefined || was.kind === 'directory') parent.link(name, target)
  else {
    const temporary = bytesOf(beside)
    if (parent.stat(temporary) !== undefined) parent.unlink(temporary)
    parent.link(temporary, target)
    parent.rename(temporary, parent, name)
  }
  const stat = parent.stat(name)
  return { how: 'done', is: stat && entryOf(stat, is?.content) }
}

/** Undefined where it takes a new file. */
function setFileMode(parent: Directory, path: TreePath, mode: number, hostTree: Tree): Applied | undefined {
  const fd = openReadable(parent, path)
  if (fd === undefined) return undefined
  try {
    if (stampOf(fstatSync(fd)) !== hostTree.get(path)?.stamp) return { how: 'late' }
    fchmodSync(fd, mode)
    return { how: 'done', is: entryOf(fstatSync(fd), undefined) }
  } finally {
    closeSync(fd)
  }
}

function openReadable(parent: Directory, path: TreePath): number | undefined {
  try {
    return parent.open(bytesOf(nameOf(path)))
  } catch (error) {
    if (hasCode(error, 'EACCES')) return undefined
    throw error
  }
}

async function putFile({ path, was }: Change, parent: Directory, applying: Applying): Promise<Applied> {
  const { sandbox, sandboxTree, hostTree, beside, tools } = applying
  const [name, temporary] = [bytesOf(nameOf(path)), bytesOf(beside)]
  if (parent.stat(temporary) !== undefined) parent.unlink(temporary)
  const from = openOwn(sandbox.parent(path), nameOf(path))
  try {
    if (!fstatSync(from).isFile()) return { how: 'failed', why: 'the sandbox’s is no file any more' }
    const mode = sandboxTree.get(path)?.mode ?? 0o600
    const owner = ownerFor(was?.kind === 'file' ? parent.stat(name) : undefined, parent)
    await copyFile(from, parent, beside, { mode, ...(owner && { owner }) }, tools)
    if (was === undefined || was.kind === 'directory') placeNew(parent, temporary, name)
    else {
      // The last look, as short before as can be: rename(2) asks nobody.
      if (!isAsSeen(parent, path, hostTree)) return { how: 'late' }
      parent.rename(temporary, parent, name)
    }
    const stat = parent.stat(name)
    return { how: 'done', is: stat && entryOf(stat, undefined) }
  } finally {
    closeSync(from)
    if (parent.stat(temporary) !== undefined) parent.unlink(temporary)
  }
}

/** Where nothing was: link(2) never replaces what has come there meanwhile. Not every file system has it. */
function placeNew(parent: Directory, temporary: Buffer, name: Buffer): void {
  try {
    parent.hardLink(temporary, parent, name)
    parent.unlink(temporary)
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EMLINK')) throw error
    if (parent.stat(name) !== undefined) throw Object.assign(new Error('it is there'), { code: 'EEXIST' })
    parent.rename(temporary, parent, name)
  }
}

/** A directory is what it is, whatever is done in it meanwhile; a file has its stamp. */
function isAsSeen(parent: Directory, path: TreePath, hostTree: Tree): boolean {
  const seen = hostTree.get(path)
  const stat = parent.stat(bytesOf(nameOf(path)))
  if (seen === undefined || stat === undefined) return seen === undefined && stat === undefined
  return seen.kind === 'directory' ? stat.isDirectory() : stampOf(stat) === seen.stamp
}

type Owner = { readonly uid: number; readonly gid: number }

/** What root writes belongs to whom the replaced file belonged, or the directory that it is new in. */
function ownerFor(replaced: Owner | undefined, parent: Directory): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined
  const { uid, gid } = replaced ?? fstatSync(parent.fd)
  return { uid, gid }
}

function giveAway(directory: Directory, parent: Directory): void {
  const owner = ownerFor(undefined, parent)
  if (owner !== undefined) directory.setOwner(owner.uid, owner.gid)
}

/** New directories get their modes and times when nothing is put into them any more: from the bottom up. */
export function settleDirectories(made: readonly TreePath[], { host, sandbox, sandboxTree }: Applying): void {
  for (const path of made.toReversed()) {
    const mode = sandboxTree.get(path)?.mode ?? 0o700
    const theirs = sandbox.parent(path).stat(bytesOf(nameOf(path)))
    const directory = openIfThere(host, path)
    if (directory === undefined) continue
    if (theirs !== undefined) directory.setOwnTime(theirs.mtimeMs / 1000)
    directory.setOwnMode(mode | (fstatSync(directory.fd).mode & 0o7000))
  }
}

function openIfThere(host: Reach, path: TreePath): Directory | undefined {
  try {
    return host.directory(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) return undefined
    throw error
  }
}
