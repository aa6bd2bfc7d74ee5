import type { AddressRange } from '../network.ts'

/** An address as a number of 32 or 128 bits. */
export interface Ip {
  readonly family: 4 | 6
  readonly bits: bigint
}

/**
 * An address in the one form that is meant: four decimal numbers without leading zeros, or RFC 4291 section 2.2. What
 * `inet_aton` also takes (octal, hexadecimal, fewer parts) and zones are none; undefined then.
 */
export function parseIp(text: string): Ip | undefined {
  const bits = text.includes(':') ? bitsOf6(text) : bitsOf4(text)
  return bits === undefined ? undefined : { family: text.includes(':') ? 6 : 4, bits }
}

/** RFC 5952; a v4-mapped address with its last part in decimals (section 5). */
export function formatIp({ family, bits }: Ip): string {
  if (family === 4) return octets(bits)
  if (bits >> 32n === 0xffffn) return `::ffff:${octets(bits & 0xffff_ffffn)}`
  const groups = Array.from({ length: 8 }, (_, index) => Number((bits >> BigInt(112 - 16 * index)) & 0xffffn))
  const { from, length } = longestZeros(groups)
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  return length < 2 ? hex(groups) : `${hex(groups.slice(0, from))}::${hex(groups.slice(from + length))}`
}

/** A v4-mapped address is that of version 4: the kernel makes the same connection to both (RFC 4291, section 2.5.5.2). */
export function withoutMapping(ip: Ip): Ip {
  return ip.family === 6 && ip.bits >> 32n === 0xffffn ? { family: 4, bits: ip.bits & 0xffff_ffffn } : ip
}

export function rangeOf(ip: Ip, prefix: number): AddressRange {
  return { address: formatIp(networkOf(ip, prefix)), prefix, family: ip.family }
}

/** `10.0.0.0/8`, `fd00::/8`: undefined where host bits are set or the prefix is too long. */
export function parseRange(text: string): AddressRange | undefined {
  const [address = '', bits = '', ...more] = text.split('/')
  const ip = parseIp(address)
  if (ip === undefined || more.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(bits)) return undefined
  const prefix = Number(bits)
  return prefix <= width(ip.family) && networkOf(ip, prefix).bits === ip.bits ? rangeOf(ip, prefix) : undefined
}

export function formatRange({ address, prefix }: AddressRange): string {
  return `${address}/${prefix}`
}

/** The address with its host bits cleared. */
export function networkOf({ family, bits }: Ip, prefix: number): Ip {
  const hostBits = BigInt(width(family) - prefix)
  return { family, bits: (bits >> hostBits) << hostBits }
}

export function rangeHas(range: AddressRange, ip: Ip): boolean {
  if (range.family !== ip.family) return false
  const first = parseIp(range.address)
  return first !== undefined && networkOf(ip, range.prefix).bits === first.bits
}

/** Whether all of `inner` is in `outer`. */
export function rangeWithin(inner: AddressRange, outer: AddressRange): boolean {
  const first = parseIp(inner.address)
  return first !== undefined && inner.prefix >= outer.prefix && rangeHas(outer, first)
}

export function isSingle({ prefix, family }: AddressRange): boolean {
  return prefix === width(family)
}

export function width(family: 4 | 6): number {
  return family === 4 ? 32 : 128
}

function bitsOf4(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) {
    return undefined
  }
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n)
}

function bitsOf6(text: string): bigint | undefined {
  const [head = '', tail, ...more] = text.split('::')
  if (more.length > 0 || text.length > 45) return undefined
  const front = groupsOf(head, tail === undefined)
  const back = tail === undefined ? [] : groupsOf(tail, true)
  if (front === undefined || back === undefined) return undefined
  const missing = 8 - front.length - back.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...front, ...Array.from({ length: missing }, () => 0n), ...back]
  return groups.reduce((bits, group) => (bits << 16n) | group, 0n)
}

/** The groups of a part; an address of version 4 may stand for the last two of the whole. */
function groupsOf(part: string, isLast: boolean): bigint[] | undefined {
  if (part === '') return []
  const words = part.split(':')
  const groups: bigint[] = []
  for (const [index, word] of words.entries()) {
    const embedded = isLast && index === words.length - 1 && word.includes('.') ? bitsOf4(word) : undefined
    if (embedded !== undefined) groups.push(embedded >> 16n, embedded & 0xffffn)
    else if (/^[0-9a-f]{1,4}$/i.test(word)) groups.push(BigInt(`0x${word}`))
    else return undefined
  }
  return groups
}

function octets(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 0xffn)).join('.')
}

function longestZeros(groups: readonly number[]): { from: number; length: number } {
  let best = { from: 0, length: 0 }
  for (let from = 0; from < groups.length; from++) {
    let length = 0
    while (groups[from + length] === 0) length++
    if (length > best.length) best = { from, length }
  }
  return best
}
