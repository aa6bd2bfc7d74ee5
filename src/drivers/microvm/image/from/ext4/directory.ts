import { contentOf } from './content.ts'
import { crc32c } from './crc32c.ts'
import type { Inode, Volume } from './volume.ts'

export interface DirectoryEntry {
  readonly name: Buffer
  readonly inode: number
}

/** A million of the longest names are not as much. */
const largest = 512 * 1024 ** 2
const headerBytes = 8

/**
 * The names in a directory but for `.` and `..`. The blocks of its index read as empty ones, by intention (Documentation/filesystems/ext4/directory.rst).
 * @throws Error for a directory that is damaged, or has a name that leads elsewhere
 */
export function entriesOf(volume: Volume, inode: Inode): DirectoryEntry[] {
  const { blockBytes } = volume
  if (inode.size > largest || inode.size % blockBytes !== 0) throw damaged(inode, `it has ${inode.size} bytes`)
  const found = new Map<string, DirectoryEntry>()
  for (const piece of contentOf(volume, inode)) {
    for (let at = 0; at < piece.length; at += blockBytes) {
      for (const entry of inBlock(piece.subarray(at, at + blockBytes), inode)) {
        const name = entry.name.toString('latin1')
        if (found.has(name)) throw damaged(inode, `it has ${JSON.stringify(name)} twice`)
        found.set(name, entry)
      }
    }
  }
  return [...found.values()].filter(({ name }) => !['.', '..'].includes(name.toString('latin1')))
}

function* inBlock(block: Buffer, inode: Inode): Generator<DirectoryEntry> {
  requireSum(block, inode)
  for (let at = 0; at < block.length;) {
    if (block.length - at < headerBytes) throw damaged(inode, 'an entry ends behind its block')
    const number = block.readUInt32LE(at)
    const length = lengthOf(block.readUInt16LE(at + 4))
    const nameBytes = block.readUInt8(at + 6)
    if (length % 4 !== 0 || length < headerBytes + nameBytes || at + length > block.length) {
      throw damaged(inode, 'an entry ends behind its block')
    }
    if (number !== 0) {
      const name = block.subarray(at + headerBytes, at + headerBytes + nameBytes)
      if (nameBytes === 0 || name.includes(0x2f) || name.includes(0)) throw damaged(inode, 'a name that is none')
      yield { name, inode: number }
    }
    at += length
  }
}

/** One of 65,536 bytes has no number of its own in 16 bits. */
function lengthOf(stored: number): number {
  return stored === 0 || stored === 0xffff ? 0x1_0000 : stored
}

/** In what looks like an entry without a name, at the end of the blocks that have names. */
function requireSum(block: Buffer, inode: Inode): void {
  if (inode.seed === undefined) return
  const at = block.length - 12
  const isSummed = block.readUInt32LE(at) === 0 && block.readUInt32LE(at + 4) === 0xde00_000c
  if (isSummed && crc32c(inode.seed, block.subarray(0, at)) !== block.readUInt32LE(at + 8)) {
    throw damaged(inode, 'the checksum of its names is another one')
  }
}

function damaged({ number }: Inode, why: string): Error {
  return new Error(`the directory in inode ${number} is damaged: ${why}`)
}
