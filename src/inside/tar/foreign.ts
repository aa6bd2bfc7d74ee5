import { safePath, type TarEntry } from './header.ts'
import { readerOf, type PaxRecords, type RawHeader, type TarReader, type TarSink } from './reader.ts'

/** An entry of an archive that others wrote: what is no file, directory or link is there by its name only. */
export interface ForeignEntry extends Omit<TarEntry, 'kind'> {
  readonly kind: TarEntry['kind'] | 'hardlink' | 'special'
}

/**
 * Reads the archives that people have: pax, ustar, and GNU tar's, with hard links, devices and what else a whole system has in it.
 * Names and sizes are checked as in `createTarReader`, and links hold whatever they hold.
 */
export function createForeignTarReader(sink: TarSink<ForeignEntry>): TarReader {
  return readerOf(sink, { entryOf, gnu: true })
}

const kinds: Readonly<Record<string, ForeignEntry['kind']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file', // contiguous, where that meant something
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'special',
  '4': 'special',
  '5': 'directory',
  '6': 'special',
}

function entryOf(raw: RawHeader, pax: PaxRecords): ForeignEntry {
  const kind = kinds[raw.type]
  if (kind === undefined) throw new Error(`an entry of the kind ${JSON.stringify(raw.type)}`)
  const hasLink = kind === 'symlink' || kind === 'hardlink'
  return {
    path: safePath(relative(pax.path ?? raw.name)),
    kind,
    mode: raw.mode & 0o1777,
    // Others have no data, whatever their size says: some writers put that of the file there which a hard link is to.
    size: kind === 'file' ? (pax.size ?? raw.size) : 0,
    link: hasLink ? (pax.linkpath ?? raw.link) : Buffer.alloc(0),
    modified: pax.mtime ?? raw.modified,
  }
}

/** Some archives name their files from the top of the system, and mean their own. */
function relative(name: Buffer): Buffer {
  let from = 0
  while (name[from] === 0x2f) from += 1
  return name.subarray(from)
}
