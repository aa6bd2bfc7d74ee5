import { closeSync, fchmodSync, futimesSync } from 'node:fs'
import { GloveboxError } from '../../errors.ts'
import { staysBelow, type TarEntry } from '../../inside/tar/header.ts'
import type { TarSink } from '../../inside/tar/reader.ts'
import type { Directory } from '../../system/directory.ts'
import { writeAll } from '../../system/write-all.ts'
import { untrusted } from '../../ui/untrusted.ts'
import { createLeftOut } from './left-out.ts'

export interface Unpacked {
  readonly sink: TarSink
  /** What the archive is of; undefined while nothing has come. */
  kind(): 'file' | 'directory' | 'symlink' | undefined
  /** Links that lead out of what was copied: not made. Untrusted text. */
  readonly leftOut: readonly string[]
  /** Gives the directories that are still open their modes and times. */
  settle(): void
  close(): void
}

/** The name under which all of it stands in the directory that it is unpacked into. */
export const topName: Buffer = Buffer.from('copy')

/** Directories of the path to what was unpacked last. What they will have comes last: it would be in the way before. */
interface Opened {
  readonly name: Buffer
  readonly directory: Directory
  /** Undefined for one that the archive comes back to: it has got its own when it was left. */
  readonly own: Pick<TarEntry, 'mode' | 'modified'> | undefined
}

/** A write is worth a system call from here on. */
const writeBytes = 1024 ** 2

/**
 * Unpacks an archive of the inside's into `stage`, a directory of our own: regular files, directories, and links that stay
 * below. Each name is made anew (O_EXCL, O_NOFOLLOW) in a directory that was opened by descriptor, so nothing of what came
 * before leads a later entry elsewhere. `any`: links that lead out are made too, for who follows none. Set-user-id bits and owners are not taken over. However many entries there are, no more
 * is held than the way to the last one.
 */
export function unpackInto(
  stage: Directory,
  onBytes: (bytes: number) => void,
  links: 'below' | 'any' = 'below',
): Unpacked {
  let top: { readonly kind: TarEntry['kind']; readonly name: Buffer | undefined } | undefined
  const open: Opened[] = []
  const leftOut = createLeftOut()
  let file: OpenFile | undefined

  /** From the bottom up: a directory's time is that of its last change. */
  const leave = (depth: number): void => {
    while (open.length > depth) {
      const last = open.at(-1)
      if (last?.own !== undefined) {
        last.directory.setOwnTime(last.own.modified)
        last.directory.setOwnMode(last.own.mode)
      }
      last?.directory.close()
      open.pop()
    }
  }

  const enter = (path: readonly Buffer[]): Directory => {
    let common = 0
    while (common < path.length && open[common]?.name.equals(path[common] ?? topName) === true) common += 1
    leave(common)
    for (const name of path.slice(common)) {
      const directory = (open.at(-1)?.directory ?? stage).child(name)
      open.push({ name: Buffer.from(name), directory, own: undefined })
    }
    return open.at(-1)?.directory ?? stage
  }

  /** An entry's place below `stage`: the archive's own name for the whole becomes ours. */
  const placeOf = (entry: TarEntry): Buffer[] => {
    if (top === undefined) {
      if (entry.path.length > 1) throw new Error('an archive that does not begin with what it is of')
      top = { kind: entry.kind, name: entry.path[0] }
      return [topName]
    }
    const { kind, name } = top
    const rest = name === undefined ? entry.path : entry.path.slice(1)
    const same = name === undefined || entry.path[0]?.equals(name) === true
    if (!same || rest.length === 0 || kind !== 'directory') throw new Error('an entry that is not below the first one')
    return [topName, ...rest]
  }

  const begin = (entry: TarEntry): void => {
    const place = placeOf(entry)
    const directory = enter(place.slice(0, -1))
    const name = place.at(-1) ?? topName
    if (entry.kind === 'directory') {
      open.push({
        name: Buffer.from(name),
        directory: directory.make(name),
        own: { mode: entry.mode, modified: entry.modified },
      })
    } else if (entry.kind === 'symlink') {
      makeLink(directory, name, entry, place)
    } else {
      if (entry.size > writeBytes) refuseTooLarge(entry, directory)
      file = openFile(directory.create(name, 0o600), entry)
    }
  }

  const makeLink = (
    directory: Directory,
    name: Buffer,
    { link, modified }: TarEntry,
    place: readonly Buffer[],
  ): void => {
    if (links === 'below' && !staysBelow(place.slice(1, -1), link)) {
      const name = Buffer.concat(join(place.slice(1)))
      leftOut.add(untrusted(`${name.toString('utf8', 0, 200)} -> ${link.toString('utf8', 0, 200)}`))
      return
    }
    directory.link(name, link)
    directory.setTime(name, modified)
  }

  return {
    sink: {
      begin,
      async data(bytes) {
        onBytes(bytes.length)
        await file?.write(bytes)
      },
      async end() {
        await file?.finish()
        file = undefined
      },
    },
    kind: () => top?.kind,
    get leftOut() {
      return leftOut.told()
    },
    settle: () => leave(0),
    close() {
      file?.abandon()
      for (const { directory } of open.splice(0).reverse()) directory.close()
    },
  }
}

interface OpenFile {
  write(bytes: Buffer): Promise<void>
  finish(): Promise<void>
  abandon(): void
}

/** One write is under way while the next is gathered. */
function openFile(fd: number, { mode, modified }: TarEntry): OpenFile {
  let gathered: Buffer[] = []
  let held = 0
  let writing: Promise<void> = Promise.resolve()
  const flush = async (): Promise<void> => {
    await writing
    const batch = gathered
    gathered = []
    held = 0
    writing = writeAll(fd, batch)
    writing.catch(() => undefined) // thrown by whoever waits for it next
  }
  return {
    async write(bytes) {
      gathered.push(bytes)
      held += bytes.length
      if (held >= writeBytes) await flush()
    },
    async finish() {
      await flush()
      await writing
      fchmodSync(fd, mode)
      futimesSync(fd, modified, modified)
      closeSync(fd)
    },
    abandon() {
      // A descriptor must outlive the write that is under way on it.
      const close = (): void => closeSync(fd)
      writing.then(close, close)
    },
  }
}

function refuseTooLarge({ size }: TarEntry, directory: Directory): void {
  const free = directory.free()
  if (size <= free) return
  throw new GloveboxError('FAILED', `a file of ${size} bytes does not fit: there are ${free} left here`, {
    fix: 'make room, or copy to another place',
  })
}

function join(parts: readonly Buffer[]): Buffer[] {
  return parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from('/'), part]))
}
