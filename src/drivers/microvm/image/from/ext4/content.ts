import { crc32c } from './crc32c.ts'
import type { Inode, Volume } from './volume.ts'

/** Blocks of a file that lie behind each other; those between two of these are zeros. */
interface Run {
  readonly from: number
  readonly block: number
  readonly count: number
}

const extentMagic = 0xf30a
/** As deep as the kernel goes (EXT4_MAX_EXTENT_DEPTH). */
const deepest = 5
/** Longer ones are reserved and not written yet, which reads as zeros. */
const longestWritten = 0x8000

/** At once, of a file of any size. */
const pieceBytes = 1024 ** 2
const zeros = Buffer.alloc(pieceBytes)

/** What is in a file, from its beginning to its end: as many bytes as its size. */
export function* contentOf(volume: Volume, inode: Inode): Generator<Buffer> {
  const { blockBytes } = volume
  const { size } = inode
  const piece = Math.max(1, Math.floor(pieceBytes / blockBytes))
  let at = 0
  for (const { from, block, count } of runsOf(volume, inode)) {
    if (from * blockBytes >= size) break
    yield* zerosTo(from * blockBytes)
    for (let done = 0; done < count && at < size; done += piece) {
      const bytes = volume.read(block + done, Math.min(piece, count - done)).subarray(0, size - at)
      at += bytes.length
      yield bytes
    }
  }
  yield* zerosTo(size)

  function* zerosTo(end: number): Generator<Buffer> {
    while (at < end) {
      const bytes = zeros.subarray(0, end - at)
      at += bytes.length
      yield bytes
    }
  }
}

/** In ascending order: no block of a file is given twice, whatever its map says. */
function runsOf(volume: Volume, inode: Inode): Iterable<Run> {
  return inode.hasExtents ? inExtents(volume, inode) : inMap(volume, inode)
}

function* inExtents(volume: Volume, inode: Inode): Generator<Run> {
  let next = 0
  yield* node(inode.map, undefined)

  // An empty node, or one that goes back, could be named again and again: each has to lead on.
  function* node(bytes: Buffer, parentDepth: number | undefined): Generator<Run> {
    const [entries, most, depth] = [bytes.readUInt16LE(2), bytes.readUInt16LE(4), bytes.readUInt16LE(6)]
    const isRoot = parentDepth === undefined
    const isSane =
      bytes.readUInt16LE(0) === extentMagic &&
      entries <= most &&
      12 + most * 12 <= bytes.length &&
      (isRoot ? depth <= deepest : depth === parentDepth - 1) &&
      (entries > 0 || (isRoot && depth === 0))
    if (!isSane) throw damaged('its extents make no sense')
    if (!isRoot) requireSum(bytes, 12 + most * 12)
    for (let index = 1; index <= entries; index++) {
      const entry = bytes.subarray(index * 12, index * 12 + 12)
      if (depth > 0) {
        const child = entry.readUInt32LE(4) + entry.readUInt16LE(8) * 2 ** 32
        yield* node(volume.read(child, 1), depth)
        continue
      }
      const from = entry.readUInt32LE(0)
      const length = entry.readUInt16LE(4)
      const isWritten = length <= longestWritten
      const count = isWritten ? length : length - longestWritten
      if (from < next || count === 0) throw damaged('its extents are out of order')
      next = from + count
      if (isWritten) yield { from, count, block: entry.readUInt32LE(8) + entry.readUInt16LE(6) * 2 ** 32 }
    }
  }

  function requireSum(bytes: Buffer, at: number): void {
    if (inode.seed === undefined || at + 4 > bytes.length) return
    if (crc32c(inode.seed, bytes.subarray(0, at)) !== bytes.readUInt32LE(at)) {
      throw damaged('the checksum of its extents is another one')
    }
  }

  function damaged(why: string): Error {
    return new Error(`inode ${inode.number} is damaged: ${why}`)
  }
}

/** As ext2 and ext3 have it: twelve blocks, and then blocks of numbers of blocks, up to three times over. */
function* inMap(volume: Volume, { map, size }: Inode): Generator<Run> {
  const perBlock = volume.blockBytes / 4
  const end = Math.ceil(size / volume.blockBytes)
  let from = 0
  for (let index = 0; index < 15; index++) {
    yield* below(map.readUInt32LE(index * 4), Math.max(0, index - 11))
  }

  function* below(block: number, depth: number): Generator<Run> {
    if (from >= end) return
    const span = perBlock ** depth
    if (block === 0) {
      from += span
    } else if (depth === 0) {
      yield { from: from++, block, count: 1 }
    } else {
      const numbers = volume.read(block, 1)
      for (let index = 0; index < perBlock && from < end; index++) {
        yield* below(numbers.readUInt32LE(index * 4), depth - 1)
      }
    }
  }
}
