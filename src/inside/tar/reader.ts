import { blockBytes, safePath, type TarEntry, type TarKind } from './header.ts'

/** Takes what is found, in the archive's order. What it throws or rejects with ends the reading. */
export interface TarSink<Entry = TarEntry> {
  /** Followed by exactly `entry.size` bytes of data in any number of calls, then `end`. */
  begin(entry: Entry): Promise<void> | void
  data(bytes: Buffer): Promise<void> | void
  end(): Promise<void> | void
}

export interface TarReader {
  /** @throws Error for what is no archive of ours, and what the sink throws */
  push(chunk: Buffer): Promise<void>
  /** @throws Error where the archive is not at its end */
  finish(): void
}

/** A pax header holds a path, a link, a size and a time. */
const maxPaxBytes = 64 * 1024
/** What the inside promises as its own limit too (docs/channel.md). */
const maxEntries = 1_000_000

/** Which archives are read, and as what. */
export interface TarRules<Entry> {
  /** @throws Error for an entry that is none of theirs */
  entryOf(raw: RawHeader, pax: PaxRecords): Entry
  /** Whether names of GNU tar's own, and sizes in base 256, are read. */
  readonly gnu: boolean
}

/**
 * Reads a pax archive that a hostile peer writes: names and sizes are checked before anything is done with them, and never
 * more than one header is held.
 */
export function createTarReader(sink: TarSink): TarReader {
  return readerOf(sink, { entryOf, gnu: false })
}

export function readerOf<Entry extends { readonly size: number }>(
  sink: TarSink<Entry>,
  rules: TarRules<Entry>,
): TarReader {
  let header: Buffer = Buffer.alloc(0)
  let pax: PaxRecords = {}
  let state: 'header' | 'data' | 'padding' | 'pax' | 'over' = 'header'
  let meaning: Extended = 'x'
  let left = 0
  let padding = 0
  let entries = 0
  let paxBytes: Buffer[] = []
  const headers = new Set<Extended>()

  const onHeader = async (block: Buffer): Promise<void> => {
    if (block.every((byte) => byte === 0)) {
      state = 'over'
      return
    }
    const raw = readHeader(block, rules.gnu)
    padding = (blockBytes - (raw.size % blockBytes)) % blockBytes
    if (isExtended(raw.type, rules.gnu)) {
      if (raw.size > maxPaxBytes) throw new Error('a header of more than 64 KiB')
      // Whatever they hold: else an archive of headers alone would never come to an entry, or to an end.
      if (headers.has(raw.type)) throw new Error('two headers for one entry')
      headers.add(raw.type)
      meaning = raw.type
      left = raw.size
      state = 'pax'
      paxBytes = []
      return
    }
    if (++entries > maxEntries) throw new Error(`more than ${maxEntries} entries`)
    const entry = rules.entryOf(raw, pax)
    pax = {}
    headers.clear()
    left = entry.size
    padding = (blockBytes - (left % blockBytes)) % blockBytes
    state = 'data'
    await sink.begin(entry)
    if (left === 0) await endOfData()
  }

  const endOfData = async (): Promise<void> => {
    if (state === 'pax') pax = { ...pax, ...extended(meaning, Buffer.concat(paxBytes)) }
    else await sink.end()
    state = padding > 0 ? 'padding' : 'header'
  }

  const push = async (chunk: Buffer): Promise<void> => {
    let rest = chunk
    while (rest.length > 0) {
      if (state === 'over') return // the second block of zeros, and what fills up the last record
      if (state === 'header') {
        const missing = blockBytes - header.length
        header = header.length === 0 ? rest.subarray(0, missing) : Buffer.concat([header, rest.subarray(0, missing)])
        rest = rest.subarray(missing)
        if (header.length < blockBytes) return
        const block = header
        header = Buffer.alloc(0)
        await onHeader(block)
      } else if (state === 'padding') {
        const skipped = Math.min(padding, rest.length)
        padding -= skipped
        rest = rest.subarray(skipped)
        if (padding === 0) state = 'header'
      } else {
        const part = rest.subarray(0, left)
        rest = rest.subarray(part.length)
        left -= part.length
        if (state === 'pax') paxBytes.push(part)
        else await sink.data(part)
        if (left === 0) await endOfData()
      }
    }
  }

  return {
    push,
    finish() {
      if (state !== 'over') throw new Error('the archive ends in its middle')
    },
  }
}

/** Headers before an entry's own: pax's, and in foreign archives pax's for all that follow, GNU's long name and long link. */
type Extended = 'x' | 'g' | 'L' | 'K'

function isExtended(type: string, gnu: boolean): type is Extended {
  return type === 'x' || (gnu && (type === 'g' || type === 'L' || type === 'K'))
}

function extended(type: Extended, bytes: Buffer): PaxRecords {
  if (type === 'x') return parsePax(bytes)
  // What is said of all entries is a comment in what git and others write: names and sizes are each entry's own.
  if (type === 'g') return {}
  const end = bytes.indexOf(0)
  const name = Buffer.from(end < 0 ? bytes : bytes.subarray(0, end))
  return type === 'L' ? { path: name } : { linkpath: name }
}

export interface RawHeader {
  readonly name: Buffer
  readonly mode: number
  readonly size: number
  readonly modified: number
  readonly type: string
  readonly link: Buffer
}

function readHeader(block: Buffer, gnu: boolean): RawHeader {
  const text = (from: number, length: number): Buffer => {
    const field = block.subarray(from, from + length)
    const end = field.indexOf(0)
    return end < 0 ? field : field.subarray(0, end)
  }
  const octal = (from: number, length: number, what: string): number => {
    const digits = text(from, length).toString('latin1').trim()
    if (!/^[0-7]{0,12}$/.test(digits)) throw new Error(`a ${what} that is no octal number`)
    return digits === '' ? 0 : Number.parseInt(digits, 8)
  }
  if (block.toString('latin1', 257, 262) !== 'ustar') throw new Error('a header that is not of tar')
  if (octal(148, 8, 'sum') !== sumOf(block)) throw new Error('a header whose sum is wrong')
  // GNU tar has times where others have the beginning of a long name.
  const prefix = gnu && block.toString('latin1', 257, 264) === 'ustar  ' ? Buffer.alloc(0) : text(345, 155)
  const name = text(0, 100)
  return {
    name: Buffer.from(prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name])),
    mode: octal(100, 8, 'mode'),
    size: gnu && ((block[124] ?? 0) & 0x80) !== 0 ? base256(block.subarray(124, 136)) : octal(124, 12, 'size'),
    modified: octal(136, 12, 'time'),
    type: block.toString('latin1', 156, 157),
    link: Buffer.from(text(157, 100)),
  }
}

/** A size of GNU tar's for more than octal digits have room for. */
function base256(field: Buffer): number {
  if (field[0] !== 0x80 || field.readUIntBE(1, 5) !== 0) throw new Error('a size that is no number')
  return field.readUIntBE(6, 6)
}

/** The bytes of the header, with its own field taken as spaces. */
export function sumOf(block: Buffer): number {
  let sum = 8 * 0x20
  for (let at = 0; at < blockBytes; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0
  return sum
}

export interface PaxRecords {
  path?: Buffer
  linkpath?: Buffer
  size?: number
  mtime?: number
}

/** `LENGTH key=value\n`, LENGTH counting all of it. Keys that do not concern us are passed over. */
function parsePax(bytes: Buffer): PaxRecords {
  const records: PaxRecords = {}
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at)
    const digits = bytes.toString('latin1', at, space < 0 ? at : space)
    const end = at + Number(digits)
    if (!/^[1-9]\d{0,5}$/.test(digits) || end > bytes.length || bytes[end - 1] !== 0x0a) throw new Error('a bad header')
    const equals = bytes.indexOf(0x3d, space)
    if (equals < 0 || equals >= end) throw new Error('a bad header')
    const value = Buffer.from(bytes.subarray(equals + 1, end - 1))
    take(records, bytes.toString('latin1', space + 1, equals), value)
    at = end
  }
  return records
}

function take(records: PaxRecords, key: string, value: Buffer): void {
  const text = value.toString('latin1')
  if (key === 'path') records.path = value
  else if (key === 'linkpath') records.linkpath = value
  else if (key === 'size') {
    if (!/^\d{1,15}$/.test(text)) throw new Error('a size that is no number')
    records.size = Number(text)
  } else if (key === 'mtime') {
    if (!/^-?\d{1,12}(\.\d{1,20})?$/.test(text)) throw new Error('a time that is no number')
    records.mtime = Number(text)
  }
}

const kinds: Readonly<Record<string, TarKind>> = { '0': 'file', '\0': 'file', '5': 'directory', '2': 'symlink' }

function entryOf(raw: RawHeader, pax: PaxRecords): TarEntry {
  const kind = kinds[raw.type]
  if (kind === undefined) throw new Error('an entry that is no file, directory or symbolic link')
  const size = pax.size ?? raw.size
  if (kind !== 'file' && size !== 0) throw new Error('an entry with data that has none')
  return {
    path: safePath(pax.path ?? raw.name),
    kind,
    mode: raw.mode & 0o777,
    size,
    link: kind === 'symlink' ? (pax.linkpath ?? raw.link) : Buffer.alloc(0),
    modified: pax.mtime ?? raw.modified,
  }
}
