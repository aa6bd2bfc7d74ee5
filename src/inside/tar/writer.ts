import { blockBytes, type TarKind } from './header.ts'
import { sumOf } from './reader.ts'

export interface TarItem {
  /** Relative; bytes, as the file system has them. */
  readonly path: Buffer
  readonly kind: TarKind
  readonly mode: number
  readonly size: number
  readonly link?: Buffer
  /** Milliseconds since 1970. */
  readonly modifiedMs: number
}

/** The blocks before an entry's data: a pax header for what the old one cannot say exactly, and the old one. */
export function headerOf(item: TarItem): Buffer {
  const records = recordsOf(item)
  const own = block(item, typeOf(item.kind), item.size)
  if (records.length === 0) return own
  const name: TarItem = { path: Buffer.from('PaxHeader'), kind: 'file', mode: 0o600, size: 0, modifiedMs: 0 }
  const head = block(name, 'x', records.length)
  return Buffer.concat([head, records, paddingFor(records.length), own])
}

/** What fills up the last block of an entry's data. */
export function paddingFor(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes)
}

/** The end of an archive. */
export function endOfArchive(): Buffer {
  return Buffer.alloc(2 * blockBytes)
}

const types: Readonly<Record<TarKind, string>> = { file: '0', directory: '5', symlink: '2' }

function typeOf(kind: TarKind): string {
  return types[kind]
}

const maxOctalSize = 8 ** 11

/** The time with its fraction always; path, link and size where the old header has no room for them. */
function recordsOf({ path, link, size, modifiedMs }: TarItem): Buffer {
  const records = [record('mtime', Buffer.from((modifiedMs / 1000).toFixed(3)))]
  if (path.length > 100) records.push(record('path', path))
  if (link !== undefined && link.length > 100) records.push(record('linkpath', link))
  if (size >= maxOctalSize) records.push(record('size', Buffer.from(String(size))))
  return Buffer.concat(records)
}

/** Its length counts its own digits. */
function record(key: string, value: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')])
  let length = body.length + 1
  while (String(length).length + body.length !== length) length += 1
  return Buffer.concat([Buffer.from(String(length)), body])
}

function block({ path, mode, link, modifiedMs }: TarItem, type: string, size: number): Buffer {
  const header = Buffer.alloc(blockBytes)
  const octal = (value: number, at: number, length: number): void => {
    header.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
  }
  path.copy(header, 0, 0, 100)
  octal(mode & 0o7777, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size < maxOctalSize ? size : 0, 124, 12)
  octal(Math.max(0, Math.min(Math.floor(modifiedMs / 1000), maxOctalSize - 1)), 136, 12)
  header.write(type, 156, 'latin1')
  link?.copy(header, 157, 0, 100)
  header.write('ustar\u{0}00', 257, 'latin1')
  octal(sumOf(header), 148, 7)
  header.write(' ', 155, 'latin1')
  return header
}
