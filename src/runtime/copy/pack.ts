import { closeSync, fstatSync, read, type Stats } from 'node:fs'
import { GloveboxError } from '../../errors.ts'
import { endOfArchive, headerOf, paddingFor } from '../../inside/tar/writer.ts'
import type { Directory } from '../../system/directory.ts'

/** What takes an archive, and when there is room for more. */
export type Take = (bytes: Buffer) => Promise<void>

/** One read, and one message. */
const chunkBytes = 256 * 1024

export interface Packing {
  readonly take: Take
  readonly onBytes: (bytes: number) => void
  /** Something that is no file, directory or link. */
  readonly onLeftOut: (path: string) => void
}

/** Packs one name of an open directory, under the name `as` in the archive. @throws the system's error, and what `take` throws */
export async function packOne(parent: Directory, name: Buffer, as: Buffer, packing: Packing): Promise<void> {
  const stat = parent.stat(name)
  if (stat === undefined) throw new GloveboxError('FAILED', `${as.toString('utf8')} is gone while it is copied`)
  if (stat.isFile()) return packFile(parent, name, as, packing)
  if (stat.isSymbolicLink()) {
    const link = parent.readLink(name)
    await packing.take(headerOf({ ...about(as, stat), kind: 'symlink', size: 0, link }))
    return
  }
  if (!stat.isDirectory()) return packing.onLeftOut(as.toString('utf8'))
  const directory = parent.child(name)
  try {
    await packing.take(headerOf({ ...about(as, fstatSync(directory.fd)), kind: 'directory', size: 0 }))
    await packContents(directory, as, packing)
  } finally {
    directory.close()
  }
}

/** All that is in a directory, under `as`; an empty one: at the top of the archive. */
export async function packContents(directory: Directory, as: Buffer, packing: Packing): Promise<void> {
  const prefix = as.length === 0 ? as : Buffer.concat([as, Buffer.from('/')])
  for (const name of directory.list().sort((a, b) => a.compare(b))) {
    await packOne(directory, name, Buffer.concat([prefix, name]), packing)
  }
}

export async function packEnd({ take }: Packing): Promise<void> {
  await take(endOfArchive())
}

/** By the descriptor alone, so that what is packed is what was looked at. */
async function packFile(parent: Directory, name: Buffer, as: Buffer, { take, onBytes }: Packing): Promise<void> {
  const fd = parent.open(name)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw changed(as)
    await take(headerOf({ ...about(as, stat), kind: 'file', size: stat.size }))
    for (let left = stat.size; left > 0;) {
      const bytes = await readSome(fd, Math.min(chunkBytes, left))
      if (bytes.length === 0) throw changed(as)
      left -= bytes.length
      onBytes(bytes.length)
      await take(bytes)
    }
    const padding = paddingFor(stat.size)
    if (padding.length > 0) await take(padding)
  } finally {
    closeSync(fd)
  }
}

function about(path: Buffer, stat: Stats): { path: Buffer; mode: number; modifiedMs: number } {
  return { path, mode: stat.mode & 0o777, modifiedMs: stat.mtimeMs }
}

/** The size stands before the data: what shrinks in between cannot be told any more. */
function changed(path: Buffer): GloveboxError {
  return new GloveboxError('FAILED', `${path.toString('utf8')} was changed while it was copied`, { fix: 'try again' })
}

function readSome(fd: number, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Slow: what is on its way may still be read from after the next read has begun.
    const buffer = Buffer.allocUnsafeSlow(length)
    read(fd, buffer, 0, length, null, (error, count) => (error ? reject(error) : resolve(buffer.subarray(0, count))))
  })
}
