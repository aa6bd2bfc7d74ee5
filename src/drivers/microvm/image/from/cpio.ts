import type { ForeignEntry } from '../../../../inside/tar/foreign.ts'
import { safePath } from '../../../../inside/tar/header.ts'
import type { TarReader, TarSink } from '../../../../inside/tar/reader.ts'
import { readHead } from './compressed.ts'

/** "New ASCII", with and without checksums (cpio(5)): what the kernel unpacks (buffer-format.rst). */
const magics: ReadonlySet<string> = new Set(['070701', '070702'])
const headerBytes = 110
const maxName = 4096
const maxLink = 4096
const maxEntries = 1_000_000
const trailer = 'TRAILER!!!'

interface Header {
  readonly inode: string
  readonly mode: number
  readonly links: number
  readonly modified: number
  readonly size: number
  readonly nameBytes: number
}

/** Whether a file, unpacked where it is compressed, begins as such an archive does. */
export async function isCpio(path: string, signal: AbortSignal | undefined): Promise<boolean> {
  const head = await readHead(path, 6, signal)
  return magics.has(head.toString('latin1'))
}

/**
 * Reads an initramfs that anybody made, archives behind each other among it, as the kernel does. Of a file with several names the data
 * comes with the last of them; the others become links to that.
 */
export function createCpioReader(sink: TarSink<ForeignEntry>): TarReader {
  const waiting = new Map<string, ForeignEntry[]>()
  let entries = 0
  /** Between archives, where zeros are passed over. */
  let between = true
  let ended = false
  const steps = read()
  let need = 0
  let held: Buffer[] = []
  let heldBytes = 0

  async function* read(): AsyncGenerator<number, void, Buffer> {
    for (;;) {
      const header = headerOf(yield headerBytes)
      const name = (yield padded(header.nameBytes, headerBytes)).subarray(0, header.nameBytes - 1)
      if (name.toString('latin1') === trailer) {
        await settle()
        between = true
        ended = true
        continue
      }
      if (++entries > maxEntries) throw new Error(`more than ${maxEntries} entries`)
      const entry = entryOf(header, name)
      if (entry.kind === 'symlink') {
        const link = (yield padded(header.size)).subarray(0, header.size)
        await give({ ...entry, link, size: 0 })
        continue
      }
      const isShared = entry.kind === 'file' && header.links > 1
      const others = isShared ? (waiting.get(header.inode) ?? []) : []
      if (isShared && header.size === 0) {
        waiting.set(header.inode, [...others, entry])
        continue
      }
      await sink.begin(entry)
      for (let left = entry.size; left > 0;) {
        const part = yield Math.min(left, 64 * 1024)
        left -= part.length
        await sink.data(part)
      }
      const rest = padded(header.size) - header.size
      if (rest > 0) yield rest
      await sink.end()
      waiting.delete(header.inode)
      for (const other of others) await give({ ...other, kind: 'hardlink', link: joined(entry.path) })
    }
  }
  async function give(entry: ForeignEntry): Promise<void> {
    await sink.begin(entry)
    await sink.end()
  }
  /** Files of several names that are empty have no data with any of them. */
  async function settle(): Promise<void> {
    for (const [first, ...others] of waiting.values()) {
      if (first === undefined) continue
      await give(first)
      for (const other of others) await give({ ...other, kind: 'hardlink', link: joined(first.path) })
    }
    waiting.clear()
  }
  async function step(bytes: Buffer): Promise<void> {
    const next = await steps.next(bytes)
    need = next.done === true ? Infinity : next.value
  }
  return {
    async push(chunk) {
      if (need === 0) await step(Buffer.alloc(0))
      let rest = chunk
      while (rest.length > 0) {
        if (between) {
          const start = rest.findIndex((byte) => byte !== 0)
          if (start < 0) return
          rest = rest.subarray(start)
          between = false
          ended = false
        }
        const part = rest.subarray(0, need - heldBytes)
        rest = rest.subarray(part.length)
        held.push(part)
        heldBytes += part.length
        if (heldBytes < need) return
        const whole = held.length === 1 ? part : Buffer.concat(held)
        held = []
        heldBytes = 0
        await step(whole)
      }
    },
    finish() {
      if (!ended || !between) throw new Error('the archive ends in the middle')
    },
  }
}

function headerOf(bytes: Buffer): Header {
  const text = bytes.toString('latin1')
  if (!magics.has(text.slice(0, 6)))
    throw new Error('no cpio archive of the kernel’s format here; one that is compressed in itself is not read')
  if (!/^[0-9a-fA-F]+$/.test(text)) throw new Error('a header that is no number')
  const field = (index: number): string => text.slice(6 + 8 * index, 14 + 8 * index)
  const number = (index: number): number => Number.parseInt(field(index), 16)
  const nameBytes = number(11)
  if (nameBytes < 2 || nameBytes > maxName) throw new Error(`a name of ${nameBytes} bytes`)
  return {
    inode: `${field(7)}:${field(8)}:${field(0)}`,
    mode: number(1),
    links: number(4),
    modified: number(5),
    size: number(6),
    nameBytes,
  }
}

/** Names and data end at a multiple of four, counted from the beginning of the header, or of the data. */
function padded(bytes: number, before: number = 0): number {
  return Math.ceil((before + bytes) / 4) * 4 - before
}

const kinds: Readonly<Record<number, ForeignEntry['kind']>> = {
  0o100_000: 'file',
  0o040_000: 'directory',
  0o120_000: 'symlink',
}

function entryOf(header: Header, name: Buffer): ForeignEntry {
  const kind = kinds[header.mode & 0o170_000] ?? 'special'
  if (kind !== 'file' && kind !== 'symlink' && header.size > 0) throw new Error('data of what is no file')
  if (kind === 'symlink' && header.size > maxLink) throw new Error(`a link of ${header.size} bytes`)
  let from = 0
  while (name[from] === 0x2f) from += 1
  return {
    path: safePath(name.subarray(from)),
    kind,
    mode: header.mode & 0o1777,
    size: header.size,
    link: Buffer.alloc(0),
    modified: header.modified,
  }
}

function joined(path: readonly Buffer[]): Buffer {
  return Buffer.from(path.map((part) => part.toString('latin1')).join('/'), 'latin1')
}
