import * as fs from 'node:fs'
import { GloveboxError } from '../errors.ts'

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NONBLOCK, COPYFILE_FICLONE_FORCE } =
  fs.constants

/** Not among Node's constants; the same number on every architecture that Node runs on. */
const O_PATH = 0o10000000

/**
 * An open directory. What is in it is reached through its descriptor, one name at a time, and never through a link: Node has
 * no openat(2), but `/proc/self/fd/N/name` is the same walk (proc_pid_fd(5)), and O_NOFOLLOW holds for `name`. So whoever
 * renames or links directories meanwhile leads nothing out of it.
 */
export interface Directory {
  readonly fd: number
  /** A directory in it. @throws the system's error; ENOTDIR or ELOOP for a link */
  child(name: Buffer): Directory
  make(name: Buffer): Directory
  /** Lets us, its owner, into a directory in it, whatever its mode is. Never through a link. */
  enterable(name: Buffer): void
  /** Of a file or directory in it, whatever its mode is; never through a link. */
  setMode(name: Buffer, mode: number): void
  /** A new file, for writing; EEXIST when there is anything of that name. */
  create(name: Buffer, mode: number): number
  /** A file for reading; ELOOP for a link. Never waits for a writer (a fifo). */
  open(name: Buffer): number
  /** Undefined where nothing is. Of the link itself. */
  stat(name: Buffer): fs.Stats | undefined
  /** With the kernel's own times, in nanoseconds. */
  statExactly(name: Buffer): fs.BigIntStats | undefined
  link(name: Buffer, target: Buffer): void
  /** A second name, in `to`, for a file in it, and never of what a link leads to; EEXIST when there is anything of that name (link(2)). */
  hardLink(name: Buffer, to: Directory, newName: Buffer): void
  readLink(name: Buffer): Buffer
  /** Names, in no order. */
  list(): Buffer[]
  /** Replaces a file of that name, in one step (rename(2)). */
  rename(name: Buffer, to: Directory, newName: Buffer): void
  /** Takes away a file or a link, and never a directory. */
  unlink(name: Buffer): void
  /** Takes away an empty directory. */
  removeEmpty(name: Buffer): void
  /**
   * With all that is below, never through a link. Nothing where nothing is.
   * @throws GloveboxError FAILED for a tree that is deeper than any of ours: each level holds a descriptor and a stack frame
   */
  remove(name: Buffer, depth?: number): void
  /** Of a file or link in it, without following. */
  setTime(name: Buffer, seconds: number): void
  setOwnMode(mode: number): void
  setOwnTime(seconds: number): void
  setOwner(uid: number, gid: number): void
  /** Bytes that this user may still write on its file system. */
  free(): number
  close(): void
}

/** The words of a system's error, without how we reached the place: the rest is what its user knows it by. */
export function withoutDescriptors(message: string): string {
  return message.replaceAll(/\/proc\/self\/fd\/\d+\//g, '')
}

/** @throws the system's error. Links in `path` itself are followed: it is the user's own word. */
export function openDirectory(path: string | Buffer): Directory {
  return directoryOf(fs.openSync(path, O_RDONLY | O_DIRECTORY))
}

/**
 * A directory by a path none of whose parts is a link, as openat2(2) has it with RESOLVE_NO_SYMLINKS: a path that was resolved
 * earlier, and in which somebody may have put a link since.
 * @throws the system's error; ENOTDIR or ELOOP for a link
 */
export function openResolved(path: string): Directory {
  const names = path.split('/').filter((name) => name !== '')
  // Whoever may pass through a directory need not be allowed to read it: only the last is opened for that.
  let fd = fs.openSync('/', names.length === 0 ? O_RDONLY | O_DIRECTORY : O_PATH | O_DIRECTORY)
  for (const [index, name] of names.entries()) {
    if (name === '.' || name === '..') throw new Error(`not a resolved path: ${path}`)
    const above = fd
    const kind = index === names.length - 1 ? O_RDONLY : O_PATH
    try {
      fd = fs.openSync(`/proc/self/fd/${above}/${name}`, kind | O_DIRECTORY | O_NOFOLLOW)
    } finally {
      fs.closeSync(above)
    }
  }
  return directoryOf(fd)
}

function directoryOf(fd: number): Directory {
  const at = (name: Buffer): Buffer => {
    // Names come from outside: one component, and one that leads nowhere else.
    const text = name.toString('latin1')
    if (text === '' || text === '.' || text === '..' || name.includes(0x2f) || name.includes(0)) {
      throw new Error(`not a name: ${JSON.stringify(text)}`)
    }
    return Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), name])
  }
  const child = (name: Buffer): Directory => directoryOf(fs.openSync(at(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
  const directory: Directory = {
    fd,
    child,
    make(name) {
      fs.mkdirSync(at(name), 0o700)
      return child(name)
    },
    enterable: (name) => setModeAt(at(name), O_DIRECTORY, 0o700),
    setMode: (name, mode) => setModeAt(at(name), 0, mode),
    create: (name, mode) => fs.openSync(at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode),
    open: (name) => fs.openSync(at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
    stat: (name) => fs.lstatSync(at(name), { throwIfNoEntry: false }),
    statExactly: (name) => fs.lstatSync(at(name), { bigint: true, throwIfNoEntry: false }),
    link: (name, target) => fs.symlinkSync(target, at(name)),
    hardLink: (name, to, newName) => fs.linkSync(at(name), pathIn(to, newName)),
    readLink: (name) => fs.readlinkSync(at(name), { encoding: 'buffer' }),
    list: () => fs.readdirSync(`/proc/self/fd/${fd}/`, { encoding: 'buffer' }),
    rename: (name, to, newName) => fs.renameSync(at(name), pathIn(to, newName)),
    remove: (name, depth = 0) => removeAll(directory, name, at, depth),
    unlink: (name) => fs.unlinkSync(at(name)),
    removeEmpty: (name) => fs.rmdirSync(at(name)),
    setTime: (name, seconds) => fs.lutimesSync(at(name), seconds, seconds),
    setOwnMode: (mode) => fs.fchmodSync(fd, mode),
    setOwnTime: (seconds) => fs.futimesSync(fd, seconds, seconds),
    setOwner: (uid, gid) => fs.fchownSync(fd, uid, gid),
    free() {
      const { bavail, bsize } = fs.statfsSync(`/proc/self/fd/${fd}/`)
      return bavail * bsize
    },
    close: () => fs.closeSync(fd),
  }
  return directory
}

/**
 * Lets an open file share the blocks of another one (ioctl_ficlone(2)); its mode becomes that of the other.
 * @throws the system's error where that cannot be: on one file system it can be for all files or for none
 */
export function cloneFile(from: number, to: number): void {
  // By descriptors: whoever renames things meanwhile has no say in what is written.
  fs.copyFileSync(`/proc/self/fd/${from}`, `/proc/self/fd/${to}`, COPYFILE_FICLONE_FORCE)
}

/** By a descriptor that needs no permission (O_PATH, open(2)): chmod(2) by name would follow a link. */
function setModeAt(path: Buffer, flags: number, mode: number): void {
  const fd = fs.openSync(path, O_PATH | O_NOFOLLOW | flags)
  try {
    fs.chmodSync(`/proc/self/fd/${fd}`, mode)
  } finally {
    fs.closeSync(fd)
  }
}

function pathIn({ fd }: Directory, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), name])
}

/** Twice as deep as what is unpacked (`depthMax` of an archive). */
const deepest = 256

function removeAll(parent: Directory, name: Buffer, at: (name: Buffer) => Buffer, depth: number): void {
  if (depth > deepest) {
    throw new GloveboxError('FAILED', `a directory of more than ${deepest} levels is not removed`, {
      fix: 'see who made it, and remove it by rm -r',
    })
  }
  const stat = parent.stat(name)
  if (stat === undefined) return
  if (!stat.isDirectory()) return fs.unlinkSync(at(name))
  // It may have come with a mode by which even its owner removes nothing.
  parent.enterable(name)
  const below = parent.child(name)
  try {
    for (const each of below.list()) below.remove(each, depth + 1)
  } finally {
    below.close()
  }
  fs.rmdirSync(at(name))
}
