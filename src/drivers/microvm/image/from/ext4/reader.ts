import { closeSync, fstatSync, openSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ForeignEntry } from '../../../../../inside/tar/foreign.ts'
import { safePath } from '../../../../../inside/tar/header.ts'
import type { TarSink } from '../../../../../inside/tar/reader.ts'
import type { UnpackedBudget } from '../compressed.ts'
import { contentOf } from './content.ts'
import { entriesOf } from './directory.ts'
import { openVolume, type Inode, type Volume } from './volume.ts'

const rootInode = 2
const maxEntries = 1_000_000
const maxLink = 4096
/** A shorter link is in its inode itself. */
const shortLink = 60

const kinds: Readonly<Record<number, ForeignEntry['kind']>> = {
  0o100_000: 'file',
  0o040_000: 'directory',
  0o120_000: 'symlink',
  0o010_000: 'special',
  0o020_000: 'special',
  0o060_000: 'special',
  0o140_000: 'special',
}

/**
 * Reads an ext2, ext3 or ext4 file system that anybody made, as an archive of what is in it. Nobody mounts it, here or in a guest
 * (docs/decisions/0034).
 * @throws Error for one that is damaged, UnreadableExt for one that is not to be read as it is
 */
export async function readExt(
  path: string,
  sink: TarSink<ForeignEntry>,
  budget: UnpackedBudget,
  signal?: AbortSignal,
): Promise<void> {
  const fd = openSync(path, 'r')
  try {
    const volume = openVolume(fd, fstatSync(fd).size)
    await walk(volume, sink, budget, signal)
  } finally {
    closeSync(fd)
  }
}

/** A directory whose entries are still to be read. */
interface Pending {
  readonly inode: Inode
  readonly way: Buffer
}

async function walk(
  volume: Volume,
  sink: TarSink<ForeignEntry>,
  budget: UnpackedBudget,
  signal: AbortSignal | undefined,
): Promise<void> {
  /** The first name of each file: another one is a link to it. */
  const names = new Map<number, Buffer>()
  const directories = new Set<number>([rootInode])
  let entries = 0

  const spend = (bytes: number): void => {
    budget.leftBytes -= bytes
    if (budget.leftBytes < 0) throw new Error('more is in it than an image may have')
  }
  const turn = async (): Promise<void> => {
    await nextTurn()
    signal?.throwIfAborted()
  }
  const give = async (entry: ForeignEntry, content: Iterable<Buffer> = []): Promise<void> => {
    await sink.begin(entry)
    for (const bytes of content) {
      await sink.data(bytes)
      await turn()
    }
    await sink.end()
  }
  /** Whether there is something below it. */
  const place = async (inode: Inode, way: Buffer): Promise<boolean> => {
    const entry = entryOf(volume, inode, way)
    const { number } = inode
    const first = names.get(number)
    if (entry.kind === 'directory') {
      // Two ways to one directory may be a circle.
      if (directories.has(number)) throw new Error(`the directory in inode ${number} has two names`)
      directories.add(number)
      await give(entry)
    } else if (entry.kind !== 'file') {
      await give(entry)
    } else if (first !== undefined) {
      await give({ ...entry, kind: 'hardlink', link: first, size: 0 })
    } else {
      names.set(number, way)
      spend(entry.size)
      await give(entry, contentOf(volume, inode))
    }
    return entry.kind === 'directory'
  }

  const root = volume.inode(rootInode)
  const top = entryOf(volume, root, Buffer.alloc(0))
  if (top.kind !== 'directory') throw new Error('its root is no directory')
  await give(top)
  const pending: Pending[] = [{ inode: root, way: Buffer.alloc(0) }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { inode, way } = next
    spend(inode.size)
    await turn()
    for (const { name, inode: number } of entriesOf(volume, inode)) {
      if (++entries > maxEntries) throw new Error(`more than ${maxEntries} entries`)
      const below = { inode: volume.inode(number), way: Buffer.concat(way.length === 0 ? [name] : [way, slash, name]) }
      if (await place(below.inode, below.way)) pending.push(below)
    }
  }
}

const slash = Buffer.from('/')

function entryOf(volume: Volume, inode: Inode, way: Buffer): ForeignEntry {
  const { number, mode, links, modified } = inode
  const kind = kinds[mode & 0o170_000]
  if (kind === undefined || links === 0) throw new Error(`inode ${number} is no file, and has a name`)
  return {
    path: safePath(way),
    kind,
    mode: mode & 0o1777,
    size: kind === 'file' ? inode.size : 0,
    link: kind === 'symlink' ? linkOf(volume, inode) : Buffer.alloc(0),
    modified,
  }
}

function linkOf(volume: Volume, inode: Inode): Buffer {
  if (inode.size === 0 || inode.size > maxLink) throw new Error(`a link of ${inode.size} bytes`)
  const link = inode.size < shortLink ? inode.map.subarray(0, inode.size) : Buffer.concat([...contentOf(volume, inode)])
  if (link.includes(0)) throw new Error('a link with a zero byte')
  return link
}
