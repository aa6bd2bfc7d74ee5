import { looksLikeExt, superblockAt, superblockBytes } from './ext4/superblock.ts'

/** A part of a disk, in bytes. */
export interface Partition {
  /** As the table counts them, from 1. */
  readonly number: number
  readonly start: number
  readonly bytes: number
}

const sector = 512
/** Of partitions by GPT: the table behind this one is what counts. */
const protective = 0xee

/**
 * What a disk is divided into, by its first sectors (MBR, GPT); undefined for what has no such table. Only for telling people: numbers that lie are
 * left out, and partitions in an extended one are not looked for.
 */
export function partitionsIn(head: Buffer, diskBytes: number): Partition[] | undefined {
  if (head.length < 2 * sector || head.readUInt16LE(510) !== 0xaa55) return undefined
  const entries = [446, 462, 478, 494].map((at) => head.subarray(at, at + 16))
  // Boot sectors of file systems, and kernels, end in the same two bytes.
  if (entries.some((entry) => (entry.readUInt8(0) & 0x7f) !== 0)) return undefined
  const inUse = entries.flatMap((entry, index) => (entry.readUInt8(4) === 0 ? [] : [{ entry, number: index + 1 }]))
  if (inUse.length === 0) return undefined
  const isGpt = inUse.some(({ entry }) => entry.readUInt8(4) === protective)
  const found = isGpt
    ? inGpt(head)
    : inUse.map(({ entry, number }) => ({
        number,
        start: entry.readUInt32LE(8) * sector,
        bytes: entry.readUInt32LE(12) * sector,
      }))
  return found.filter(({ start, bytes }) => start > 0 && bytes > 0 && start + bytes <= diskBytes)
}

function inGpt(head: Buffer): Partition[] {
  if (head.toString('latin1', sector, sector + 8) !== 'EFI PART') return []
  const first = Number(head.readBigUInt64LE(sector + 72)) * sector
  const size = head.readUInt32LE(sector + 84)
  const count = Math.min(head.readUInt32LE(sector + 80), 128)
  if (size < 128) return []
  return [...Array(count).keys()].flatMap((index) => {
    const at = first + index * size
    if (at + 128 > head.length) return []
    const entry = head.subarray(at, at + 128)
    if (entry.subarray(0, 16).every((byte) => byte === 0)) return []
    const [start, last] = [Number(entry.readBigUInt64LE(32)), Number(entry.readBigUInt64LE(40))]
    return [{ number: index + 1, start: start * sector, bytes: (last + 1 - start) * sector }]
  })
}

/** The one that most likely has the root: the largest that is an ext file system. */
export function rootAmong(
  partitions: readonly Partition[],
  readAt: (at: number, bytes: number) => Buffer,
): Partition | undefined {
  return partitions
    .filter(({ start }) => looksLikeExt(readAt(start, superblockAt + superblockBytes)))
    .toSorted((a, b) => b.bytes - a.bytes)[0]
}
