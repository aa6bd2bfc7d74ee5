import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../errors.ts'
import { makeDirectory } from '../system/make-directory.ts'

/** A file that is begun anew when it is full; `PATH.1` is what was there before. */
export interface LogFile {
  write(chunk: Buffer): void
  close(): void
}

/** A full file; one full file more is kept of what was before. */
const fileBytes = 4 * 1024 ** 2

/** Files by their paths. */
export interface LogFiles {
  /** A disk that is full, or whatever keeps it from being written, is told once, and costs whoever writes the file and nothing else. */
  open(path: string, tell: (line: string) => void): LogFile
}

/** What all who write into one file have in common. */
interface Shared {
  fd: number
  bytes: number
  users: number
}

/** No descriptor. */
const closed = -1

/** Who has the same path shares a file: each with its own, they would rename and replace what the others still write. */
export function createLogFiles(): LogFiles {
  const files = new Map<string, Shared>()

  function join(path: string): Shared {
    const shared = files.get(path) ?? { ...begin(path), users: 0 }
    shared.users++
    files.set(path, shared)
    return shared
  }

  function leave(path: string, shared: Shared): void {
    if (--shared.users > 0) return
    files.delete(path)
    if (shared.fd !== closed) closeSync(shared.fd)
  }

  return {
    open(path, tell) {
      let own: Shared | undefined
      const attempt = (work: () => void): void => {
        try {
          work()
        } catch (error) {
          tell(`${path}: ${messageOf(error)}`)
          close()
        }
      }
      const close = (): void => {
        if (own !== undefined) leave(path, own)
        own = undefined
      }
      attempt(() => (own = join(path)))
      return {
        write(chunk) {
          const shared = own
          if (shared !== undefined) attempt(() => append(path, shared, chunk))
        },
        close,
      }
    },
  }
}

function begin(path: string): { fd: number; bytes: number } {
  makeDirectory(dirname(path))
  const before = statSync(path, { throwIfNoEntry: false })
  if (before !== undefined && before.size >= fileBytes) renameSync(path, `${path}.1`)
  return { fd: openSync(path, 'a', 0o600), bytes: statSync(path).size }
}

function append(path: string, shared: Shared, chunk: Buffer): void {
  for (let at = 0; at < chunk.length;) {
    if (shared.fd === closed) Object.assign(shared, begin(path))
    const written = writeSync(shared.fd, chunk, at, Math.min(chunk.length - at, fileBytes - shared.bytes))
    at += written
    shared.bytes += written
    if (shared.bytes < fileBytes) continue
    const full = shared.fd
    shared.fd = closed
    closeSync(full)
    Object.assign(shared, begin(path))
  }
}
