/** The longest escape of one byte that is undone: `\u0067`. */
export const longestEscape = 6

const [percent, backslash, lowerU] = [0x25, 0x5c, 0x75]

/** Bytes whose escapes are undone, and for each of them where in the original it began. */
export interface Unescaped {
  readonly bytes: Buffer
  /** `undefined`: nothing was escaped, places are the same. */
  readonly begins: Int32Array | undefined
  /** Where an escape begins that the end of the bytes may have cut in two; their length when there is none. */
  readonly open: number
}

/**
 * Undoes percent-encoding (RFC 3986, 2.1) and the escapes of a JSON text (RFC 8259, 7) for what they do to one ASCII
 * character. Bytes that only look like an escape stay what they are.
 */
export function unescape(bytes: Buffer): Unescaped {
  if (!bytes.includes(percent) && !bytes.includes(backslash)) return { bytes, begins: undefined, open: bytes.length }
  const out = Buffer.allocUnsafe(bytes.length)
  const begins = new Int32Array(bytes.length + 1)
  let length = 0
  let open = bytes.length
  for (let at = 0; at < bytes.length;) {
    const size = escapeAt(bytes, at)
    if (size === 0 && at + longestEscape > bytes.length && mayBeCut(bytes, at)) open = Math.min(open, at)
    begins[length] = at
    out[length++] = size === 0 ? (bytes[at] ?? 0) : hex(bytes, at + size - 2)
    at += size === 0 ? 1 : size
  }
  begins[length] = bytes.length
  return { bytes: out.subarray(0, length), begins: begins.subarray(0, length + 1), open }
}

/** How long the escape is that begins here; 0: none does. */
function escapeAt(bytes: Buffer, at: number): 0 | 3 | 6 {
  if (bytes[at] === percent && hex(bytes, at + 1) >= 0) return 3
  const isJson = bytes[at] === backslash && bytes[at + 1] === lowerU && hex(bytes, at + 2) === 0
  return isJson && hex(bytes, at + 4) >= 0 ? 6 : 0
}

function mayBeCut(bytes: Buffer, at: number): boolean {
  const rest = bytes.toString('latin1', at)
  return /^%[\da-f]?$/i.test(rest) || /^\\(u(0(0([\da-f])?)?)?)?$/i.test(rest)
}

/** The byte that two hexadecimal digits stand for; -1: they are none. */
function hex(bytes: Buffer, at: number): number {
  const [high, low] = [digit(bytes[at]), digit(bytes[at + 1])]
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function digit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
