import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { makeDirectory } from '../system/make-directory.ts'
import { unwritable } from './unwritable.ts'

/** What must be free before a file is begun: room to say how it ended. */
const reserveBytes = 1024 * 1024

/** A file that only grows, by whole lines. */
export interface AppendFile {
  readonly path: string
  /** Returns when the line is with the kernel; throws AUDIT_UNWRITABLE and leaves nothing of it behind when it cannot be. */
  append(line: string): void
  /** On the disk, without blocking; the callback gets the error. */
  sync(done: (error: unknown) => void): void
  /** On the disk, and closed; removed when nothing was ever written, unless it goes on a chain. Idempotent. */
  close(): void
}

/**
 * Begins a file that must not exist: two writers would break each other's chain, so a name is used once.
 * @throws GloveboxError AUDIT_UNWRITABLE
 */
export function createAppendFile(path: string, goesOn: boolean = false): AppendFile {
  const fd = begin(path)
  let size = 0
  let broken: unknown
  let syncing = 0
  let closed = false

  const append = (line: string): void => {
    if (broken !== undefined) throw unwritable(path, broken)
    try {
      size += writeWhole(fd, line)
    } catch (error) {
      try {
        ftruncateSync(fd, size)
      } catch (again) {
        // A torn line stays: nothing may follow it.
        broken = again
      }
      throw unwritable(path, error)
    }
  }

  const sync = (done: (error: unknown) => void): void => {
    syncing += 1
    fdatasync(fd, (error) => {
      syncing -= 1
      if (closed && syncing === 0) closeSync(fd)
      done(error)
    })
  }

  const close = (): void => {
    if (closed) return
    closed = true
    try {
      if (size === 0 && broken === undefined && !goesOn) unlinkSync(path)
      else fdatasyncSync(fd)
    } catch (error) {
      throw unwritable(path, error)
    } finally {
      // A descriptor that a sync still uses is closed by that sync: its number must not be given to another file before.
      if (syncing === 0) closeSync(fd)
    }
  }

  return { path, append, sync, close }
}

function begin(path: string): number {
  const directory = dirname(path)
  try {
    makeDirectory(directory)
    const space = statfsSync(directory)
    if (space.bavail * space.bsize < reserveBytes) throw Object.assign(new Error('disk full'), { code: 'ENOSPC' })
    const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = constants
    return openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0o600)
  } catch (error) {
    throw unwritable(path, error)
  }
}

/**
 * A short write is not yet an error: the next one tells why (write(2), "Return value"). Bytes are made of the line only then:
 * that takes longer than the write.
 * @returns how many they are
 */
function writeWhole(fd: number, line: string): number {
  const length = Buffer.byteLength(line)
  let written = writeSync(fd, line)
  while (written < length) {
    const count = writeSync(fd, Buffer.from(line), written)
    if (count === 0) throw Object.assign(new Error('the write came to nothing'), { code: 'EIO' })
    written += count
  }
  return length
}
