import type { AddressRange } from '../network.ts'
import { formatIp, parseIp, rangeWithin, withoutMapping, type Ip } from './ip.ts'
import { blocks, type AddressClass, type Block } from './special.ts'

/** What an address is; those that carry one of version 4 are what that one is, where it is the worse of the two. */
export interface Classified {
  readonly kind: AddressClass
  /** `private (RFC 1918)`, `10.0.0.1, private (RFC 1918), behind a translator …`. */
  readonly what: string
  /** The block that it is in: a rule that is wider than this was not meant for this class of addresses. */
  readonly block: AddressRange
}

/** @throws RangeError for what is no address; callers have parsed it */
export function classify(address: string): Classified {
  const ip = parseIp(address)
  if (ip === undefined) throw new RangeError('not an address')
  return classOf(withoutMapping(ip))
}

export function classOf(ip: Ip): Classified {
  const { kind, what, range } = longest((block) => hasIp(block, ip))
  const outer = { kind, what, block: range }
  const inner = carried(ip)
    .map((bits) => ({ ip: { family: 4, bits } as const, found: classOf({ family: 4, bits }) }))
    .filter(({ found }) => found.kind !== 'public')
    .toSorted((a, b) => Number(b.found.kind === 'metadata') - Number(a.found.kind === 'metadata'))[0]
  if (inner === undefined) return outer
  return { kind: inner.found.kind, what: `${formatIp(inner.ip)}, ${inner.found.what}, ${what}`, block: range }
}

/** The block in which all of a range lies: its class is that of every address of the range, but for smaller blocks. */
export function blockOf(range: AddressRange): Block {
  return longest((block) => rangeWithin(range, block.range))
}

function longest(matches: (block: Block) => boolean): Block {
  const found = blocks().find(matches)
  // Version 4 as a whole is a block, and version 6 is partitioned by RFC 4291; only ranges wider than /8 have none.
  return found ?? everything
}

const everything: Block = {
  range: { address: '::', prefix: 0, family: 6 },
  kind: 'public',
  what: 'all of version 6',
  first: 0n,
  hostBits: 128n,
}

function hasIp({ range, first, hostBits }: Block, { family, bits }: Ip): boolean {
  return range.family === family && bits >> hostBits === first >> hostBits
}

/** Addresses of version 4 that a translator or a tunnel would take out of this one and go to. */
function carried({ family, bits }: Ip): bigint[] {
  const last = bits & 0xffff_ffffn
  if (family === 4) return []
  if (bits >> 32n === nat64) return [last]
  if (bits >> 80n === localNat64) return translated(bits)
  // The client's address is stored inverted, so that no gateway rewrites it (RFC 4380, section 4).
  if (bits >> 96n === teredo) return [(bits >> 64n) & 0xffff_ffffn, last ^ 0xffff_ffffn]
  if (bits >> 112n === sixToFour) return [(bits >> 80n) & 0xffff_ffffn]
  // ::/128 and ::1/128 are no embeddings.
  return bits >> 32n === 0n && last > 1n ? [last] : []
}

/** 64:ff9b::/96 */
const nat64 = 0x64_ff9b_0000_0000_0000_0000n
/** 64:ff9b:1::/48 */
const localNat64 = 0x64_ff9b_0001n
/** 2001::/32 */
const teredo = 0x2001_0000n
/** 2002::/16 */
const sixToFour = 0x2002n

/**
 * Where the address may stand behind a prefix of 96, 48, 56 or 64 bits; bits 64 to 71 are never part of it (RFC 6052,
 * section 2.2). Which of them it is only the network knows: zeros are what is left over of the others.
 */
function translated(bits: bigint): bigint[] {
  const without = ((bits >> 64n) << 56n) | (bits & ((1n << 56n) - 1n))
  return [bits, without >> 40n, without >> 32n, without >> 24n]
    .map((at) => at & 0xffff_ffffn)
    .filter((found) => found >> 24n !== 0n)
}
