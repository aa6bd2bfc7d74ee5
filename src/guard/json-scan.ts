/** A range of bytes, end exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** One member of the outermost object, or one element of the outermost array (its key is then empty). */
export interface Member extends Span {
  /** Inside the quotes. */
  readonly keyStart: number
  readonly keyEnd: number
}

export type JsonFault = 'malformed-json' | 'control-character' | 'too-deep' | 'too-many-members'

export interface JsonScan {
  /** Absent: exactly one JSON text of RFC 8259, apart from its UTF-8, which is not looked at. */
  readonly fault: JsonFault | undefined
  /** Where the scan ended. */
  readonly at: number
  readonly shape: 'object' | 'array' | 'other'
  /** Complete members of the outermost value; with a fault those before it. */
  readonly members: readonly Member[]
  /** Whether a byte over 0x7f was seen. */
  readonly ascii: boolean
}

export type JsonScanner = (bytes: Buffer, start: number, end: number, maxMembers: number) => JsonScan

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

// What may come next.
const value = 0
const valueOrClose = 1
const key = 2
const keyOrClose = 3
const colon = 4
const commaOrClose = 5
const nothing = 6

/** What a byte in a string is: `plain` ones are gone through fast, by one look into a table. */
const plain = 0
const endOfString = 1
const escape = 2
const control = 3
const beyondAscii = 4
const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === quote) return endOfString
  if (byte === backslash) return escape
  return byte < 0x20 ? control : byte >= 0x80 ? beyondAscii : plain
})

/**
 * One pass over the bytes, no recursion, nothing built but the list of outermost members. It is the only parser that
 * the guard decides by, so what it accepts must be what every peer accepts: stricter than some (`NaN`, comments, a byte
 * order mark, a lone carriage return), never laxer than JSON.parse, which the fuzzer checks.
 */
export function createJsonScanner(maxDepth: number): JsonScanner {
  const closers = new Uint8Array(maxDepth)
  /** Of the scan under way: no byte over 0x7f was seen. */
  let ascii = true

  return (bytes, start, end, maxMembers) => {
    const members: Member[] = []
    let shape: JsonScan['shape'] = 'other'
    let depth = 0
    let state = value
    let keyStart = start
    let keyEnd = start
    let valueStart = start
    let at = start
    ascii = true

    while (at < end) {
      const byte = bytes[at] as number
      if (byte === 0x20 || byte === 0x09) {
        at++
        continue
      }
      let ended = false
      switch (state) {
        case valueOrClose:
        case value:
          if (depth === 1) valueStart = at
          if (byte === quote) {
            at = stringEnd(bytes, at + 1, end)
            if (at < 0) return failString(bytes, -1 - at, end, shape, members)
            ended = true
          } else if (byte === openBrace || byte === openBracket) {
            if (depth === maxDepth) return found('too-deep', at, shape, members)
            if (depth === 0) shape = byte === openBrace ? 'object' : 'array'
            // Both closers are two above their openers in ASCII.
            closers[depth++] = byte + 2
            state = byte === openBrace ? keyOrClose : valueOrClose
            at++
          } else if (byte === closeBracket && state === valueOrClose) {
            depth--
            at++
            ended = true
          } else {
            const next = literalEnd(bytes, at, end)
            if (next < 0) return failByte(byte, at, shape, members)
            at = next
            ended = true
          }
          break
        case keyOrClose:
        case key:
          if (byte === quote) {
            const from = at + 1
            at = stringEnd(bytes, from, end)
            if (at < 0) return failString(bytes, -1 - at, end, shape, members)
            if (depth === 1) {
              keyStart = from
              keyEnd = at - 1
            }
            state = colon
          } else if (byte === closeBrace && state === keyOrClose) {
            depth--
            at++
            ended = true
          } else return failByte(byte, at, shape, members)
          break
        case colon:
          if (byte !== 0x3a) return failByte(byte, at, shape, members)
          state = value
          at++
          break
        case commaOrClose:
          if (byte === 0x2c) {
            state = closers[depth - 1] === closeBrace ? key : value
            at++
          } else if (byte === closers[depth - 1]) {
            depth--
            at++
            ended = true
          } else return failByte(byte, at, shape, members)
          break
        default:
          return failByte(byte, at, shape, members)
      }
      if (ended) {
        state = depth === 0 ? nothing : commaOrClose
        // An empty container closes at depth 0 or, for a nested one, back at its parent's depth: the same test serves.
        if (depth === 1) {
          if (members.length === maxMembers) return found('too-many-members', at, shape, members)
          members.push({ keyStart, keyEnd, start: valueStart, end: at })
        }
      }
    }
    return found(state === nothing ? undefined : 'malformed-json', at, shape, members)
  }

  function found(fault: JsonScan['fault'], at: number, shape: JsonScan['shape'], members: readonly Member[]): JsonScan {
    return { fault, at, shape, members, ascii }
  }

  /** The index after the closing quote, or one below zero that tells where and why not (see `failString`). */
  function stringEnd(bytes: Buffer, from: number, end: number): number {
    for (let at = from; at < end; at++) {
      const kind = kinds[bytes[at] as number]
      if (kind === plain) continue
      if (kind === endOfString) return at + 1
      if (kind === control) return -1 - at
      if (kind === beyondAscii) ascii = false
      else {
        const length = escapeLength(bytes, at, end)
        if (length === 0) return -1 - at
        at += length - 1
      }
    }
    return -1 - end
  }

  function failString(
    bytes: Buffer,
    at: number,
    end: number,
    shape: JsonScan['shape'],
    members: readonly Member[],
  ): JsonScan {
    const isControl = at < end && (bytes[at] as number) < 0x20
    return found(isControl ? 'control-character' : 'malformed-json', at, shape, members)
  }

  function failByte(byte: number, at: number, shape: JsonScan['shape'], members: readonly Member[]): JsonScan {
    if (byte >= 0x80) ascii = false
    return found(byte < 0x20 ? 'control-character' : 'malformed-json', at, shape, members)
  }
}

/** Length of the escape that begins at `at`, 0 when it is none (RFC 8259, section 7). */
function escapeLength(bytes: Buffer, at: number, end: number): number {
  if (at + 1 >= end) return 0
  switch (bytes[at + 1]) {
    case 0x22: // "
    case 0x5c: // \
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 2
    case 0x75: // u
      return at + 6 <= end &&
        isHex(bytes, at + 2) &&
        isHex(bytes, at + 3) &&
        isHex(bytes, at + 4) &&
        isHex(bytes, at + 5)
        ? 6
        : 0
    default:
      return 0
  }
}

function isHex(bytes: Buffer, at: number): boolean {
  const byte = bytes[at] as number
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

/** Index after the number, `true`, `false` or `null` that begins at `at`; -1 when there is none. */
function literalEnd(bytes: Buffer, at: number, end: number): number {
  switch (bytes[at]) {
    case 0x74:
      return wordEnd(bytes, at, end, 'true')
    case 0x66:
      return wordEnd(bytes, at, end, 'false')
    case 0x6e:
      return wordEnd(bytes, at, end, 'null')
    default:
      return numberEnd(bytes, at, end)
  }
}

function wordEnd(bytes: Buffer, at: number, end: number, word: string): number {
  if (at + word.length > end) return -1
  for (let i = 1; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) return -1
  return at + word.length
}

/** RFC 8259, section 6. */
function numberEnd(bytes: Buffer, start: number, end: number): number {
  let at = start
  if (bytes[at] === 0x2d) at++
  if (at >= end || !isDigit(bytes[at])) return -1
  at = bytes[at] === 0x30 ? at + 1 : digitsEnd(bytes, at, end)
  if (at < end && bytes[at] === 0x2e) {
    const from = at + 1
    at = digitsEnd(bytes, from, end)
    if (at === from) return -1
  }
  if (at < end && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
    const sign = at + 1 < end && (bytes[at + 1] === 0x2b || bytes[at + 1] === 0x2d) ? 1 : 0
    const from = at + 1 + sign
    at = digitsEnd(bytes, from, end)
    if (at === from) return -1
  }
  return at
}

function digitsEnd(bytes: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && isDigit(bytes[at])) at++
  return at
}
