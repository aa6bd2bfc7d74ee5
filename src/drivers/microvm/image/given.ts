import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, ftruncateSync, openSync, renameSync, rmSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { readRecord } from '../../../packages/store/record.ts'
import { removeTree } from '../../../packages/store/staging.ts'
import type { Store } from '../../../packages/store/store.ts'
import { verifyBeforeStart } from '../../../packages/store/verify.ts'
import { makeDirectory } from '../../../system/make-directory.ts'
import { sha256 } from '../../../system/sha256.ts'
import { packErofs } from './erofs.ts'
import { gather, walk, type Found } from './gather.ts'
import { evict } from './given-cache.ts'
import type { ImageStore } from './store.ts'
import { requireTools, toolsOf } from './tools.ts'

/** A path of the host that a sandbox sees, read-only. On the drive it is called by its place in the list: `0`, `1`, … */
export interface GivenMount {
  readonly source: string
  readonly target: string
  /** It changes seldom (an interpreter): what was packed of it is kept. Entries of the package store always are. */
  readonly stable?: boolean
}

export interface Given {
  /** The drive's file, of exactly `givenBytes`. */
  readonly path: string
  /** Nobody but us has it: it goes with `options.directory`. */
  readonly isFresh: boolean
  /** Paths that are not on it: those that this user cannot read, and sockets, pipes and devices. */
  readonly leftOut: readonly string[]
}

export interface GivenOptions {
  readonly store: ImageStore
  readonly packages: Store
  /** Of the sandbox: where a drive is made that nobody else will want. */
  readonly directory: string
  /** Paths of the host that the sandbox does not see: an empty one stands for each. */
  readonly deny: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly signal?: AbortSignal | undefined
}

/**
 * The size of every such drive: a clone may have another file there than its template had, as long as the size is the same.
 * The file has holes.
 */
export const givenBytes: number = 4 * 1024 ** 3

/** What may be on it: names, and what is lost at the ends of files, take the rest. */
const contentsMax = Math.floor(3.9 * 1024 ** 3)

/**
 * Packs paths of the host into a read-only file system, owned by root. Files keep their modes, times, links and hard links.
 * @throws GloveboxError POLICY_INVALID when it is too much, HOST_CANNOT without mkfs.erofs
 */
export async function packGiven(mounts: readonly GivenMount[], options: GivenOptions): Promise<Given> {
  if (mounts.length === 0) return { path: emptyGiven(options.store), isFresh: false, leftOut: [] }
  const isStable = mounts.every(({ source, stable }) => stable === true || keyInStore(source, options) !== undefined)
  return isStable ? cached(mounts, options) : fresh(mounts, options)
}

/** The drive of a template, and of a sandbox that is given nothing: nobody mounts it. */
export function emptyGiven({ given }: Pick<ImageStore, 'given'>): string {
  const path = join(given, 'empty')
  if (!existsSync(path)) whole(path, (temporary) => truncateTo(temporary, givenBytes))
  return path
}

async function fresh(mounts: readonly GivenMount[], options: GivenOptions): Promise<Given> {
  const path = join(options.directory, 'given.erofs')
  const found = await pack(mounts, path, options)
  return { path, isFresh: true, leftOut: found.flatMap(({ leftOut }) => leftOut) }
}

/** Named by what the kernel says of each file (`stamps`), or by a package's key, which stands for its contents. */
async function cached(mounts: readonly GivenMount[], options: GivenOptions): Promise<Given> {
  const { key, leftOut } = named(mounts, options)
  const path = join(options.store.given, `${key}.erofs`)
  if (existsSync(path)) {
    // Its last use, by which the oldest go first.
    utimesSync(path, new Date(), new Date())
    return { path, isFresh: false, leftOut }
  }
  const made = join(options.directory, 'given.erofs')
  const before = await pack(mounts, made, options)
  // Somebody wrote to it meanwhile: good for this sandbox, and not under that name.
  const isSame =
    (await arePackages(mounts, options)) &&
    JSON.stringify(look(mounts, options)) === JSON.stringify(before) &&
    named(mounts, options).key === key
  if (!isSame) return { path: made, isFresh: true, leftOut }
  makeDirectory(options.store.given)
  evict(options.store.given)
  if (!moved(made, path)) return { path: made, isFresh: true, leftOut }
  return { path, isFresh: false, leftOut }
}

/** Packages bring no sockets, and are readable: only others are looked at. */
function named(mounts: readonly GivenMount[], options: GivenOptions): { key: string; leftOut: string[] } {
  const parts = mounts.map(({ source }) => keyInStore(source, options) ?? walk(source, new Set(options.deny)))
  const leftOut = parts.flatMap((part) => (typeof part === 'string' ? [] : part.leftOut))
  return { key: sha256(JSON.stringify([1, options.deny, parts])), leftOut }
}

/** `packages/KEY/tree/…`, whose contents never change. */
function keyInStore(source: string, { packages }: GivenOptions): string | undefined {
  return source.startsWith(`${packages.packages}/`) ? source.slice(packages.packages.length + 1) : undefined
}

/**
 * What a package's key stands for is what was installed: one that was tampered with must not live on in a drive after the store
 * has been put right. As files are the same before and after this, those that were copied are the ones that it has seen.
 * @throws GloveboxError REFUSED
 */
async function arePackages(mounts: readonly GivenMount[], options: GivenOptions): Promise<boolean> {
  const keys = new Set(mounts.flatMap(({ source }) => keyInStore(source, options)?.split('/', 1) ?? []))
  for (const key of keys) {
    const record = readRecord(options.packages, key)
    if (record === undefined) return false
    await verifyBeforeStart(options.packages, record)
  }
  return true
}

function look(mounts: readonly GivenMount[], { deny }: GivenOptions): Found[] {
  const found = mounts.map(({ source }) => walk(source, new Set(deny)))
  const bytes = found.reduce((sum, each) => sum + each.bytes, 0)
  if (bytes <= contentsMax) return found
  const largest = mounts
    .map(({ source }, index) => ({ source, bytes: found[index]?.bytes ?? 0 }))
    .toSorted((a, b) => b.bytes - a.bytes)[0]
  const inGiB = (amount: number): string => `${(amount / 1024 ** 3).toFixed(1)} GiB`
  throw new GloveboxError(
    'POLICY_INVALID',
    `what the sandbox is to read is ${inGiB(bytes)}, and a virtual machine is given ${inGiB(contentsMax)} at most; ${largest?.source} is ${inGiB(largest?.bytes ?? 0)} of it`,
    { fix: 'name the directories in it that are needed, or use --driver jail' },
  )
}

/** @returns what is on it */
async function pack(mounts: readonly GivenMount[], path: string, options: GivenOptions): Promise<Found[]> {
  const tree = join(options.directory, `given-${randomBytes(4).toString('hex')}`)
  try {
    const found = gathered(mounts, tree, options)
    await packErofs(tree, path, { times: 'kept', env: options.env, signal: options.signal })
    truncateTo(path, givenBytes)
    return found
  } finally {
    removeTree(tree)
  }
}

/** An editor that saves replaces a file: looked at again, all is of one moment. Whoever swaps things all the while is not waited for. */
const attempts = 3

function gathered(mounts: readonly GivenMount[], tree: string, options: GivenOptions): Found[] {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const found = look(mounts, options)
      requireTools(toolsOf.pack, options.env)
      makeDirectory(tree)
      gather(found, tree, options.signal)
      return found
    } catch (error) {
      const isReplaced = error instanceof GloveboxError && error.code === 'NOT_STARTED'
      if (!isReplaced || attempt === attempts) throw error
      removeTree(tree)
    }
  }
}

/** Bytes beyond what is written are holes. */
function truncateTo(path: string, bytes: number): void {
  const fd = openSync(path, existsSync(path) ? 'r+' : 'wx', 0o600)
  try {
    ftruncateSync(fd, bytes)
  } finally {
    closeSync(fd)
  }
}

function whole(path: string, make: (temporary: string) => void): void {
  makeDirectory(dirname(path))
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    make(temporary)
    renameSync(temporary, path)
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** The sandbox's directory may be on another file system than the cache: then it stays where it is. */
function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EXDEV') return false
    throw error
  }
}
