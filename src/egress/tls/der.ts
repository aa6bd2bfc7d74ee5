/**
 * The few forms of DER (X.690) that a certificate of ours is made of. Only an encoder, and only of what this process made up:
 * nothing of anybody else's is ever read by it.
 */
export function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

/** X.690, 8.1.3: below 128 in one byte, else the number of bytes that it takes, and those. */
function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes = unsigned(length)
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes])
}

function unsigned(value: number): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

export const sequence = (...parts: readonly Buffer[]): Buffer => tlv(0x30, ...parts)
export const set = (...parts: readonly Buffer[]): Buffer => tlv(0x31, ...parts)
export const octets = (...parts: readonly Buffer[]): Buffer => tlv(0x04, ...parts)
export const utf8 = (text: string): Buffer => tlv(0x0c, Buffer.from(text))
export const truth: Buffer = tlv(0x01, Buffer.from([0xff]))

/** Context-specific, constructed: `[n]` around something whole. */
export const within = (number: number, ...parts: readonly Buffer[]): Buffer => tlv(0xa0 | number, ...parts)
/** Context-specific, primitive: `[n]` instead of the type's own tag. */
export const instead = (number: number, content: Buffer): Buffer => tlv(0x80 | number, content)

/** A positive integer, from its bytes. */
export function integer(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0)
  const value = first < 0 ? Buffer.alloc(1) : bytes.subarray(first)
  return (value[0] ?? 0) < 0x80 ? tlv(0x02, value) : tlv(0x02, Buffer.alloc(1), value)
}

/** `unused`: how many of the last bits mean nothing. */
export function bits(bytes: Buffer, unused: number = 0): Buffer {
  return tlv(0x03, Buffer.from([unused]), bytes)
}

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...more] = text.split('.').map(Number)
  return tlv(0x06, Buffer.from([first * 40 + second]), ...more.map(base128))
}

function base128(value: number): Buffer {
  const bytes = [value & 0x7f]
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80)
  return Buffer.from(bytes)
}

/** RFC 5280, 4.1.2.5: two digits of the year until 2049, four from then on. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits))
}
