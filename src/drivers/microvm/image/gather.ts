import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
  type BigIntStats,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { cloneFile, openResolved, type Directory } from '../../../system/directory.ts'
import { hasCode } from '../../../system/error-code.ts'

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
  readonly size: number
  /** Of the file: two with the same one are the same. */
  readonly inode: string
  /** Change time in nanoseconds, which nobody but the kernel sets (utimensat(2)). */
  readonly stamp: string
  readonly modified: number
  readonly target?: string
}

/** Each level holds a descriptor and a stack frame. */
const deepest = 256

/**
 * What of a path can be packed; in the order of names, so that the same tree is the same drive. By descriptors and never through a
 * link, as everything here: a sandbox that may write to the directory can swap what is in it all the while.
 * @param source resolved: a link in it is an error
 */
export function walk(source: string, deny: ReadonlySet<string>): Found {
  const entries: FoundEntry[] = []
  const leftOut: string[] = []
  const seen = new Set<string>()
  let bytes = 0
  const visit = (parent: Directory, name: string, path: string, depth: number): void => {
    const full = path === '' ? source : join(source, path)
    if (depth > deepest) throw tooDeep(full)
    const stat = parent.statExactly(Buffer.from(name))
    // Removed since it was listed, or of a name that is no text.
    if (stat === undefined && path !== '') return void leftOut.push(full)
    if (stat === undefined) throw changed(full)
    const kind = deny.has(full) ? 'denied' : kindOf(stat)
    if (kind === undefined || !isReadable(parent, name, kind)) return void leftOut.push(full)
    const about = { path, kind, ...factsOf(stat) }
    if (kind === 'denied') entries.push({ ...about, mode: stat.isDirectory() ? 0o40_000 : 0 })
    else if (kind === 'link')
      entries.push({ ...about, target: orChanged(full, () => String(parent.readLink(Buffer.from(name)))) })
    else if (kind === 'file') {
      entries.push(about)
      if (!seen.has(about.inode)) bytes += about.size
      seen.add(about.inode)
    } else {
      using directory = enter(parent, name, about, full)
      entries.push(about)
      const names = directory.list().map(String)
      for (const each of names.toSorted()) visit(directory, each, path === '' ? each : join(path, each), depth + 1)
    }
  }
  using parent = above(source)
  visit(parent, basename(source), '', 0)
  return { source, entries, bytes, leftOut }
}

function kindOf(stat: BigIntStats): FoundEntry['kind'] | undefined {
  if (stat.isDirectory()) return 'directory'
  if (stat.isFile()) return 'file'
  return stat.isSymbolicLink() ? 'link' : undefined
}

function factsOf(stat: BigIntStats): Pick<FoundEntry, 'mode' | 'size' | 'inode' | 'stamp' | 'modified'> {
  return {
    mode: Number(stat.mode) & 0o777,
    size: Number(stat.size),
    inode: `${stat.dev}:${stat.ino}`,
    stamp: `${stat.ctimeNs}`,
    modified: Number(stat.mtimeMs) / 1000,
  }
}

/** What this user cannot read is not given to a sandbox of theirs. It is a question only: what is opened later is compared. */
function isReadable({ fd }: Directory, name: string, kind: FoundEntry['kind']): boolean {
  if (kind === 'link' || kind === 'denied') return true
  try {
    accessSync(`/proc/self/fd/${fd}/${name}`, kind === 'directory' ? constants.R_OK | constants.X_OK : constants.R_OK)
    return true
  } catch {
    return false // it is told as left out
  }
}

/**
 * Copies what was found to `tree/0`, `tree/1`, … Copies, and no hard links: a link changes the change time of its file, by
 * which packages are known to be untouched. Where the file system can, a copy shares its blocks.
 * @throws GloveboxError `changed` for what is something else by now
 */
export function gather(
  found: readonly Found[],
  tree: string,
  signal?: AbortSignal,
  /** Where an entry of a source comes to lie. */
  placeOf: (index: number, path: string) => string = (index, path) => join(tree, String(index), path),
): void {
  const copier = createCopier()
  for (const [index, { source, entries }] of found.entries()) {
    const at = (path: string): string => placeOf(index, path)
    using way = createWay(source)
    for (const entry of entries) {
      signal?.throwIfAborted()
      const full = entry.path === '' ? source : join(source, entry.path)
      place(entry, full, () => way.to(entry), at(entry.path), copier)
      if (entry.kind === 'directory') way.enter(entry)
    }
    // Inner ones first: a file made in a directory would change its time.
    for (const { kind, path, mode, modified } of entries.toReversed()) {
      if (kind !== 'directory') continue
      chmodSync(at(path), mode | 0o500)
      utimesSync(at(path), modified, modified)
    }
  }
}

interface Place {
  readonly parent: Directory
  readonly name: string
}

/** The directories on the way to the entry that is at hand, which come in the order of `walk`. */
interface Way extends Disposable {
  to(entry: FoundEntry): Place
  enter(entry: FoundEntry): void
}

function createWay(source: string): Way {
  const top = above(source)
  const open: { readonly path: string; readonly directory: Directory & Disposable }[] = []
  const to = ({ path }: FoundEntry): Place => {
    if (path === '') return { parent: top, name: basename(source) }
    const parent = dirname(path) === '.' ? '' : dirname(path)
    while (open.length > 0 && open.at(-1)?.path !== parent) open.pop()?.directory.close()
    const found = open.at(-1)
    if (found === undefined) throw new Error(`${path} comes before its directory`)
    return { parent: found.directory, name: basename(path) }
  }
  return {
    to,
    enter(entry) {
      const { parent, name } = to(entry)
      open.push({ path: entry.path, directory: enter(parent, name, entry, join(source, entry.path)) })
    },
    [Symbol.dispose]() {
      for (const { directory } of open) directory.close()
      top.close()
    },
  }
}

function place(entry: FoundEntry, full: string, from: () => Place, to: string, copier: Copier): void {
  const { kind, mode, modified } = entry
  if (kind === 'directory') return existsSync(to) ? undefined : mkdirSync(to, { mode: 0o700 })
  if (kind === 'denied') return mode === 0 ? writeFileSync(to, '', { mode: 0o400 }) : mkdirSync(to, { mode: 0o500 })
  if (kind === 'link') {
    symlinkSync(entry.target ?? '', to)
    return lutimesSync(to, modified, modified)
  }
  const { parent, name } = from()
  const open = (): number => {
    const fd = orChanged(full, () => parent.open(Buffer.from(name)))
    requireSame(fd, entry, full)
    return fd
  }
  copier.copy(entry, open, to)
}

interface Copier {
  copy(entry: FoundEntry, open: () => number, to: string): void
}

function createCopier(): Copier {
  const copies = new Map<string, string>()
  /** File systems that cannot share blocks with ours. */
  const separate = new Set<string>()
  const buffer = Buffer.allocUnsafe(1024 ** 2)
  return {
    copy(entry, open, to) {
      const copy = copies.get(entry.inode)
      if (copy !== undefined) return linkSync(copy, to)
      const from = open()
      const fd = openSync(to, 'wx', 0o600)
      try {
        if (!cloned(from, fd, entry, separate)) copyBytes(from, fd, entry.size, buffer)
        fchmodSync(fd, entry.mode | 0o400)
        futimesSync(fd, entry.modified, entry.modified)
      } finally {
        closeSync(fd)
        closeSync(from)
      }
      copies.set(entry.inode, to)
    },
  }
}

function cloned(from: number, to: number, { inode, size }: FoundEntry, separate: Set<string>): boolean {
  const [device = ''] = inode.split(':')
  if (separate.has(device)) return false
  try {
    cloneFile(from, to)
  } catch (error) {
    // EOPNOTSUPP, EXDEV, EINVAL, ENOTTY: whatever keeps these two file systems from it.
    if (!(error instanceof Error && 'syscall' in error)) throw error
    separate.add(device)
    return false
  }
  ftruncateSync(to, size)
  return true
}

/** As many as were counted: a file that grows meanwhile must not fill the disk. */
function copyBytes(from: number, to: number, bytes: number, buffer: Buffer): void {
  for (let at = 0; at < bytes;) {
    const count = readSync(from, buffer, 0, Math.min(buffer.length, bytes - at), at)
    if (count === 0) return
    for (let done = 0; done < count;) done += writeSync(to, buffer, done, count - done, at + done)
    at += count
  }
}

function above(source: string): Directory & Disposable {
  return disposable(orChanged(source, () => openResolved(dirname(source))))
}

function enter(
  parent: Directory,
  name: string,
  entry: Pick<FoundEntry, 'inode'>,
  full: string,
): Directory & Disposable {
  const directory = orChanged(full, () => parent.child(Buffer.from(name)))
  requireSame(directory.fd, entry, full)
  return disposable(directory)
}

/** Closes it when it is not the very file that was found. */
function requireSame(fd: number, { inode }: Pick<FoundEntry, 'inode'>, full: string): void {
  const stat = fstatSync(fd, { bigint: true })
  if (`${stat.dev}:${stat.ino}` === inode) return
  closeSync(fd)
  throw changed(full)
}

function orChanged<T>(full: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (isSwapped(error)) throw changed(full)
    throw error
  }
}

function disposable(directory: Directory): Directory & Disposable {
  return { ...directory, [Symbol.dispose]: () => directory.close() }
}

/** Gone, or a link or something else in its place. */
function isSwapped(error: unknown): boolean {
  return hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL', 'ENXIO', 'EACCES')
}

/** By its code it is told apart from other failures: whoever gets it may look again. */
function changed(path: string): GloveboxError {
  return new GloveboxError('NOT_STARTED', `${path} was replaced while it was read`, {
    fix: 'see what writes there, and start it again when that has ended',
  })
}

function tooDeep(path: string): GloveboxError {
  return new GloveboxError('POLICY_INVALID', `${path}: more than ${deepest} directories deep`, {
    fix: 'name the directories in it that are needed',
  })
}
