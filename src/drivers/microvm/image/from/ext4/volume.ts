import { readSync } from 'node:fs'
import { crc32c, le32 } from './crc32c.ts'
import { readSuperblock, superblockAt, superblockBytes, type Superblock } from './superblock.ts'

/** A file system that is read where it lies, without anybody's mounting it. */
export interface Volume {
  readonly blockBytes: number
  /** @throws Error for what lies outside of it */
  read(block: number, blocks: number): Buffer
  inode(number: number): Inode
}

export interface Inode {
  readonly number: number
  /** As stat(2) has it, with the kind. */
  readonly mode: number
  readonly links: number
  readonly size: number
  /** Seconds. */
  readonly modified: number
  readonly hasExtents: boolean
  /** 60 bytes: where the rest is, or a short link itself. */
  readonly map: Buffer
  /** What sums of its parts begin with; undefined where there are none. */
  readonly seed: number | undefined
}

/** `i_flags` of what is not there as it reads. */
const flags = { compressed: 0x4, encrypted: 0x800, extents: 0x8_0000, inline: 0x1000_0000 }

/** The file stays the caller's to close. */
export function openVolume(fd: number, fileBytes: number): Volume {
  const bytes = (at: number, length: number): Buffer => {
    const buffer = Buffer.allocUnsafe(length)
    for (let done = 0; done < length;) {
      const count = readSync(fd, buffer, done, length - done, at + done)
      if (count === 0) throw new Error('it ends in the middle')
      done += count
    }
    return buffer
  }
  const about = readSuperblock(bytes(superblockAt, superblockBytes), fileBytes)
  const { blockBytes, blocks, inodes, inodesPerGroup, inodeBytes } = about
  const read = (block: number, count: number): Buffer => {
    if (block <= 0 || block + count > blocks) throw new Error(`a block outside of it: ${block}`)
    return bytes(block * blockBytes, count * blockBytes)
  }
  const tables = new Map<number, number>()
  const tableOf = (group: number): number => {
    const known = tables.get(group)
    if (known !== undefined) return known
    const table = readTableOf(about, group, read)
    tables.set(group, table)
    return table
  }
  return {
    blockBytes,
    read,
    inode(number) {
      if (number < 1 || number > inodes) throw new Error(`there is no inode ${number}`)
      const index = (number - 1) % inodesPerGroup
      const at = index * inodeBytes
      const block = tableOf(Math.floor((number - 1) / inodesPerGroup)) + Math.floor(at / blockBytes)
      const within = at % blockBytes
      return inodeOf(number, read(block, 1).subarray(within, within + inodeBytes), about)
    },
  }
}

/** Where the inodes of a group begin (Documentation/filesystems/ext4/group_descr.rst). */
function readTableOf(about: Superblock, group: number, read: Volume['read']): number {
  const { blockBytes, ownBlock, firstBlock, blocksPerGroup, descriptorBytes, firstMetaGroup, hasCopy } = about
  const perBlock = blockBytes / descriptorBytes
  const index = Math.floor(group / perBlock)
  const first = index * perBlock
  // Where a group begins with the superblock, or a copy of it, they come behind that.
  const before = (hasCopy(first) ? 1 : 0) + (first === 0 ? ownBlock - firstBlock : 0)
  const block = index < firstMetaGroup ? ownBlock + 1 + index : firstBlock + first * blocksPerGroup + before
  const at = (group % perBlock) * descriptorBytes
  const descriptor = read(block, 1).subarray(at, at + descriptorBytes)
  const high = descriptorBytes >= 64 ? descriptor.readUInt32LE(0x28) : 0
  return descriptor.readUInt32LE(0x8) + high * 2 ** 32
}

function inodeOf(number: number, bytes: Buffer, { seed: ofAll }: Superblock): Inode {
  const seed = ofAll === undefined ? undefined : crc32c(ofAll, le32(number), bytes.subarray(0x64, 0x68))
  if (seed !== undefined) requireSum(number, bytes, seed)
  const flag = bytes.readUInt32LE(0x20)
  for (const [name, bit] of [
    ['compressed', flags.compressed],
    ['encrypted', flags.encrypted],
    ['stored in its inode', flags.inline],
  ] as const) {
    if ((flag & bit) !== 0) throw new Error(`inode ${number} is ${name}`)
  }
  const size = bytes.readUInt32LE(0x4) + bytes.readUInt32LE(0x6c) * 2 ** 32
  if (!Number.isSafeInteger(size)) throw new Error(`inode ${number} has a size of ${size} bytes`)
  return {
    number,
    mode: bytes.readUInt16LE(0),
    links: bytes.readUInt16LE(0x1a),
    size,
    modified: modifiedOf(bytes),
    hasExtents: (flag & flags.extents) !== 0,
    map: bytes.subarray(0x28, 0x64),
    seed,
  }
}

/** Where an inode is larger than the oldest ones were, how much of the rest is in use. */
function extraOf(bytes: Buffer): number {
  return bytes.length > 128 ? Math.min(bytes.readUInt16LE(0x80), bytes.length - 128) : 0
}

/** Two bits more take a 32-bit time to the year 2446 (Documentation/filesystems/ext4/inodes.rst). */
function modifiedOf(bytes: Buffer): number {
  const epoch = extraOf(bytes) >= 0xc ? bytes.readUInt32LE(0x88) & 3 : 0
  return bytes.readInt32LE(0x10) + epoch * 2 ** 32
}

function requireSum(number: number, bytes: Buffer, seed: number): void {
  const hasHigh = extraOf(bytes) >= 4
  const bare = Buffer.from(bytes)
  bare.writeUInt16LE(0, 0x7c)
  if (hasHigh) bare.writeUInt16LE(0, 0x82)
  const sum = crc32c(seed, bare)
  const isSame = (sum & 0xffff) === bytes.readUInt16LE(0x7c) && (!hasHigh || sum >>> 16 === bytes.readUInt16LE(0x82))
  if (!isSame) throw new Error(`inode ${number} is damaged: its checksum is another one`)
}
