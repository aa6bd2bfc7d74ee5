import { shellWord } from '../../../../../ui/shell-word.ts'
import { asTar } from '../as-tar.ts'
import { crc32c } from './crc32c.ts'

/** Where a file system's superblock is, and how long (Documentation/filesystems/ext4/super.rst). */
export const superblockAt: number = 1024
export const superblockBytes: number = 1024

/** What its first bytes say of the rest. All that is computed from them lies within the file. */
export interface Superblock {
  readonly blockBytes: number
  readonly blocks: number
  /** The one that the superblock is in. */
  readonly ownBlock: number
  /** Where the first group begins: there, or in clusters before it. */
  readonly firstBlock: number
  readonly blocksPerGroup: number
  readonly inodes: number
  readonly inodesPerGroup: number
  readonly inodeBytes: number
  readonly descriptorBytes: number
  /** Groups of groups, from this one on, have their descriptors in their first block; Infinity where none has. */
  readonly firstMetaGroup: number
  /** Whether a group begins with a copy of the superblock. */
  readonly hasCopy: (group: number) => boolean
  /** What sums of its parts begin with; undefined where there are none. */
  readonly seed: number | undefined
}

const magic = 0xef53

/** Bits of `s_feature_incompat`: what cannot be read by who does not know it. */
const features = {
  journalToBeReplayed: 0x4,
  journalDevice: 0x8,
  metaGroups: 0x10,
  wide: 0x80,
  seedOfItsOwn: 0x2000,
  inlineData: 0x8000,
  encrypted: 0x1_0000,
  caseFolded: 0x2_0000,
}
/** Entries with kinds, journal, groups of groups, extents, 64 bits, locks of hosts, flexible groups, large attributes, seed, large directories. */
const readable = 0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000

const sparseCopies = 0x1
const summed = 0x400
const twoCopies = 0x200

/** `s_state`: unmounted as it should be; errors were found in it. */
const clean = 0x1
const faulty = 0x2

/** Whether a file's first bytes are an ext2, ext3 or ext4 file system's. */
export function looksLikeExt(head: Buffer): boolean {
  if (head.length < superblockAt + superblockBytes) return false
  const block = head.subarray(superblockAt)
  // The magic number is two bytes only, which may be anything's: what is beside it has to be one, too.
  return block.readUInt16LE(0x38) === magic && block.readUInt32LE(0x18) <= 6 && block.readUInt32LE(0x4c) <= 1
}

/** Why such a file system cannot be taken as it is, and what helps. */
export class UnreadableExt extends Error {
  readonly fix: ((path: string) => string) | undefined

  constructor(message: string, fix?: (path: string) => string) {
    super(message)
    this.fix = fix
  }
}

const repair = (path: string): string => `e2fsck -fy ${shellWord(path)}, which needs no root`

/** @throws UnreadableExt for one that is damaged, not finished, or made in a way that is not read here */
export function readSuperblock(block: Buffer, fileBytes: number): Superblock {
  const isOld = block.readUInt32LE(0x4c) === 0
  const compatible = isOld ? 0 : block.readUInt32LE(0x5c)
  const incompatible = isOld ? 0 : block.readUInt32LE(0x60)
  const forWriters = isOld ? 0 : block.readUInt32LE(0x64)
  const has = (feature: number): boolean => (incompatible & feature) !== 0
  const isSummed = (forWriters & summed) !== 0
  if (isSummed && crc32c(~0, block.subarray(0, 0x3fc)) !== block.readUInt32LE(0x3fc)) {
    throw new UnreadableExt('its superblock is damaged: the checksum is another one', repair)
  }
  refuseFeatures(incompatible)
  const state = block.readUInt16LE(0x3a)
  if (has(features.journalToBeReplayed) || (state & clean) === 0) {
    throw new UnreadableExt(
      'it was not unmounted: it is in use, or its last changes are in its journal only',
      (path) => `unmount it, or end the machine that has it; else ${repair(path)}`,
    )
  }
  if ((state & faulty) !== 0) throw new UnreadableExt('it says of itself that it has errors', repair)

  const blockBytes = 1024 << block.readUInt32LE(0x18)
  const isWide = has(features.wide)
  const blocks = block.readUInt32LE(0x4) + (isWide ? block.readUInt32LE(0x150) : 0) * 2 ** 32
  if (blocks * blockBytes > fileBytes) {
    throw new UnreadableExt(
      `it is cut off: of ${blocks * blockBytes} bytes there are ${fileBytes}`,
      () => 'copy, download or unpack it anew, to its end',
    )
  }
  const found: Superblock = {
    blockBytes,
    blocks,
    ownBlock: blockBytes === superblockAt ? 1 : 0,
    firstBlock: block.readUInt32LE(0x14),
    blocksPerGroup: block.readUInt32LE(0x20),
    inodes: block.readUInt32LE(0x0),
    inodesPerGroup: block.readUInt32LE(0x28),
    inodeBytes: isOld ? 128 : block.readUInt16LE(0x58),
    descriptorBytes: isWide ? block.readUInt16LE(0xfe) : 32,
    firstMetaGroup: has(features.metaGroups) ? block.readUInt32LE(0x104) : Infinity,
    hasCopy: copies(block, compatible, forWriters),
    seed: isSummed ? seedOf(block, has(features.seedOfItsOwn)) : undefined,
  }
  requireSane(found)
  return found
}

function refuseFeatures(incompatible: number): void {
  if ((incompatible & features.journalDevice) !== 0) {
    throw new UnreadableExt('it is the journal of another file system', () => 'give the file system itself')
  }
  const unread = incompatible & ~readable
  if (unread === 0) return
  const known = [
    [features.inlineData, 'inline_data'],
    [features.encrypted, 'encrypt'],
    [features.caseFolded, 'casefold'],
  ] as const
  const named = known.filter(([bit]) => (unread & bit) !== 0).map(([, name]) => name)
  const what = named.length === 0 ? `features 0x${(unread >>> 0).toString(16)}` : `the feature ${named.join(' and ')}`
  throw new UnreadableExt(`it is made with ${what}, which is not read here`, asTar)
}

/** Numbers that lie lead to reading in circles, or far behind the end. */
function requireSane(found: Superblock): void {
  const {
    blockBytes,
    blocks,
    ownBlock,
    firstBlock,
    blocksPerGroup,
    inodes,
    inodesPerGroup,
    inodeBytes,
    descriptorBytes,
  } = found
  const groups = Math.ceil((blocks - firstBlock) / blocksPerGroup)
  const isSane =
    firstBlock <= ownBlock &&
    blocksPerGroup > 0 &&
    inodesPerGroup > 0 &&
    groups > 0 &&
    inodes > 2 &&
    inodes <= groups * inodesPerGroup &&
    isPowerOfTwo(inodeBytes) &&
    inodeBytes >= 128 &&
    inodeBytes <= blockBytes &&
    isPowerOfTwo(descriptorBytes) &&
    descriptorBytes >= 32 &&
    descriptorBytes <= blockBytes
  if (!isSane) throw new UnreadableExt('its superblock is damaged: sizes in it make no sense', repair)
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0
}

function seedOf(block: Buffer, hasOwn: boolean): number {
  if (block.readUInt8(0x175) !== 1) throw new UnreadableExt('its checksums are of a kind that is not known here', asTar)
  return hasOwn ? block.readUInt32LE(0x270) : crc32c(~0, block.subarray(0x68, 0x78))
}

function copies(block: Buffer, compatible: number, forWriters: number): Superblock['hasCopy'] {
  if ((compatible & twoCopies) !== 0) {
    const groups = new Set([0, block.readUInt32LE(0x24c), block.readUInt32LE(0x250)])
    return (group) => groups.has(group)
  }
  if ((forWriters & sparseCopies) === 0) return () => true
  return (group) => group <= 1 || [3, 5, 7].some((base) => isPowerOf(base, group))
}

function isPowerOf(base: number, value: number): boolean {
  let power = base
  while (power < value) power *= base
  return power === value
}
