import { createHash } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  read,
  readSync,
  write,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { cloneFile, type Directory } from '../../system/directory.ts'
import { bytesOf } from './path.ts'
import { stampOf } from './tree.ts'

export interface FileCopy {
  /** Of the copy. */
  readonly stamp: string
  /** SHA-256 of what was copied, hex; undefined for one that was not read as a whole. */
  readonly hash: string | undefined
  /** Of what was copied, when all of it is of one moment; undefined for a file that changed all the while. */
  readonly of: string | undefined
}

export interface CopyTools {
  readonly onBytes: (bytes: number) => void
  readonly signal: AbortSignal | undefined
  /** Whether each copy is on disk before it is said to be done; whoever makes many sees to all of them at once. */
  readonly sync: boolean
  /** Whether the file system can share blocks: found out by the first large file. */
  canClone: boolean
}

export function copyTools(
  onBytes: (bytes: number) => void,
  signal: AbortSignal | undefined,
  sync: boolean = false,
): CopyTools {
  return { onBytes, signal, sync, canClone: true }
}

/** Files up to here are read whole, and hashed on the way: the hash is what tells later that only a time has changed. */
const smallBytes = 1024 ** 2
const chunkBytes = 4 * 1024 ** 2
/** A file that somebody writes to all the time is copied as it is found. */
const attempts = 3

/**
 * Copies an open file to a new name. The copy has `mode`, and the time of the original.
 * @throws the system's error; `signal.reason`
 */
export async function copyFile(
  from: number,
  to: Directory,
  name: string,
  options: {
    readonly mode: number
    readonly owner?: { readonly uid: number; readonly gid: number }
  },
  tools: CopyTools,
): Promise<FileCopy> {
  const target = bytesOf(name)
  for (let attempt = 1; ; attempt += 1) {
    const before = fstatSync(from)
    const fd = to.create(target, 0o600)
    try {
      const hash = before.size <= smallBytes ? copySmall(from, fd, tools) : undefined
      if (hash === undefined && !cloned(from, fd, before.size, tools)) await copyLarge(from, fd, tools)
      const after = fstatSync(from)
      const steady = stampOf(after) === stampOf(before)
      if (!steady && attempt < attempts) {
        to.unlink(target)
        continue
      }
      if (options.owner !== undefined) fchownSync(fd, options.owner.uid, options.owner.gid)
      fchmodSync(fd, options.mode)
      futimesSync(fd, after.atimeMs / 1000, after.mtimeMs / 1000)
      if (tools.sync) fsyncSync(fd)
      return { stamp: stampOf(fstatSync(fd)), hash, of: steady ? stampOf(after) : undefined }
    } finally {
      closeSync(fd)
    }
  }
}

function cloned(from: number, to: number, bytes: number, tools: CopyTools): boolean {
  if (!tools.canClone) return false
  try {
    cloneFile(from, to)
    tools.onBytes(bytes)
    return true
  } catch (error) {
    // EOPNOTSUPP, EXDEV, EINVAL, ENOTTY: whatever keeps this file system from it.
    if (!(error instanceof Error && 'syscall' in error)) throw error
    tools.canClone = false
    return false
  }
}

/** In one go: what is small is copied faster than somebody else could have a turn. */
function copySmall(from: number, to: number, { onBytes }: CopyTools): string {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(64 * 1024)
  for (let at = 0; ;) {
    const count = readSync(from, buffer, 0, buffer.length, at)
    if (count === 0) return hash.digest('hex')
    const bytes = buffer.subarray(0, count)
    hash.update(bytes)
    for (let done = 0; done < count;) done += writeSync(to, bytes, done, count - done, at + done)
    at += count
    onBytes(count)
  }
}

const readAsync = promisify(read)
const writeAsync = promisify(write)

/** One read is under way while what was read before is written. Zeros are left out, so that what is sparse stays so. */
async function copyLarge(from: number, to: number, { onBytes, signal }: CopyTools): Promise<void> {
  let [here, there] = [Buffer.allocUnsafeSlow(chunkBytes), Buffer.allocUnsafeSlow(chunkBytes)]
  let at = 0
  let { bytesRead } = await readAsync(from, here, 0, chunkBytes, 0)
  while (bytesRead > 0) {
    signal?.throwIfAborted()
    const [next] = await Promise.all([
      readAsync(from, there, 0, chunkBytes, at + bytesRead),
      isZero(here.subarray(0, bytesRead)) ? undefined : writeWhole(to, here.subarray(0, bytesRead), at),
    ])
    onBytes(bytesRead)
    at += bytesRead
    bytesRead = next.bytesRead
    ;[here, there] = [there, here]
  }
  ftruncateSync(to, at)
}

/** A buffer whose first byte is zero, and each of whose bytes is the one before. */
function isZero(bytes: Buffer): boolean {
  return bytes[0] === 0 && bytes.compare(bytes, 1, bytes.length, 0, bytes.length - 1) === 0
}

async function writeWhole(fd: number, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await writeAsync(fd, bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
}
