import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { memoryName, wrongFile } from '../vmm/taken.ts'

/** Some pages at a time: what is shorter would be a hole that no file system keeps. */
const pieceBytes = 64 * 1024
const readBytes = 64 * pieceBytes

/**
 * Lets a file have holes where it is empty. A snapshot's memory is written whole, and most of a machine that has just booted is
 * empty: a hole takes no room on the disk, and reads the same. Of what is no file, a link to one, or a file of another size, nothing is read:
 * whoever has taken over the VMM may have put that there, and one hole as large as a disk is read for years.
 * @throws GloveboxError NOT_STARTED
 */
export function makeSparse(path: string, memoryBytes: number): void {
  const made = `${path}.sparse`
  // A FIFO is not waited for.
  const from = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const found = fstatSync(from)
    if (!found.isFile()) throw wrongFile(memoryName, 'is no file')
    if (found.size !== memoryBytes) throw wrongFile(memoryName, `has ${found.size} bytes`)
    const { mode } = found
    const to = openSync(made, 'wx', 0o600)
    try {
      copyWhatIsThere(from, to, memoryBytes)
      ftruncateSync(to, memoryBytes)
      fchmodSync(to, mode & 0o777)
    } finally {
      closeSync(to)
    }
    renameSync(made, path)
  } catch (error) {
    rmSync(made, { force: true })
    throw error
  } finally {
    closeSync(from)
  }
}

/** No further than what was asked for: it may grow meanwhile. */
function copyWhatIsThere(from: number, to: number, end: number): void {
  const buffer = Buffer.alloc(readBytes)
  const empty = Buffer.alloc(pieceBytes)
  for (let at = 0; at < end;) {
    const bytes = readSync(from, buffer, 0, Math.min(readBytes, end - at), at)
    if (bytes === 0) return
    for (let piece = 0; piece < bytes; piece += pieceBytes) {
      const data = buffer.subarray(piece, Math.min(piece + pieceBytes, bytes))
      if (data.equals(empty.subarray(0, data.length))) continue
      for (let done = 0; done < data.length;) done += writeSync(to, data, done, data.length - done, at + piece + done)
    }
    at += bytes
  }
}
