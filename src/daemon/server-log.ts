import { closeSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../errors.ts'
import { makeDirectory } from '../system/make-directory.ts'

/** What a server wrote to stderr: the last of it in memory, more in two files. */
export interface ServerLog {
  write(chunk: Buffer): void
  /** What is in memory, the oldest first. */
  tail(): Buffer
  /** Calls back with what comes from now on; returns what ends that. */
  follow(onChunk: (chunk: Buffer) => void, onEnd: () => void): () => void
  close(): void
}

const ringBytes = 256 * 1024
const fileBytes = 4 * 1024 ** 2
/** Merged before it is written and passed on; whoever writes byte by byte costs us no more than others. */
const mergedBytes = 64 * 1024
/** The longest that something waits for more. What comes after a silence as long does not wait. */
const mergeMs = 50

/** The file is `path`, and `path.1` what was there before it was full. A disk that is full costs the file, not the server. */
export function createServerLog(path: string, tell: (line: string) => void): ServerLog {
  const followers = new Map<(chunk: Buffer) => void, () => void>()
  /** Round: the oldest byte is the one after the newest, once it is full. */
  const ring = Buffer.alloc(ringBytes)
  let [ringAt, held] = [0, 0]
  const merged = Buffer.alloc(mergedBytes)
  let waiting = 0
  let silence: NodeJS.Timeout | undefined
  let file = open(path, tell)

  function keep(chunk: Buffer): void {
    const last = chunk.subarray(-ringBytes)
    const fits = last.copy(ring, ringAt)
    last.copy(ring, 0, fits)
    ringAt = (ringAt + last.length) % ringBytes
    held = Math.min(held + last.length, ringBytes)
  }

  function append(chunk: Buffer): void {
    try {
      for (let at = 0; file !== undefined && at < chunk.length;) {
        const written = writeSync(file.fd, chunk, at, Math.min(chunk.length - at, fileBytes - file.bytes))
        at += written
        file.bytes += written
        if (file.bytes < fileBytes) continue
        closeSync(file.fd)
        renameSync(path, `${path}.1`)
        file = open(path, tell)
      }
    } catch (error) {
      tell(`${path}: ${messageOf(error)}`)
      file = undefined
    }
  }

  function pass(chunk: Buffer): void {
    append(chunk)
    for (const onChunk of followers.keys()) onChunk(chunk)
  }

  function flush(): void {
    if (waiting === 0) return
    // A copy: followers may hold it while the next is merged.
    const chunk = Buffer.from(merged.subarray(0, waiting))
    waiting = 0
    pass(chunk)
  }

  function mergeForAWhile(): void {
    silence = setTimeout(() => {
      silence = undefined
      if (waiting === 0) return
      flush()
      mergeForAWhile()
    }, mergeMs)
  }

  return {
    write(chunk) {
      keep(chunk)
      if (waiting + chunk.length > mergedBytes) flush()
      if (silence === undefined || chunk.length > mergedBytes) pass(chunk)
      else waiting += chunk.copy(merged, waiting)
      if (silence === undefined) mergeForAWhile()
    },
    tail: () =>
      held < ringBytes
        ? Buffer.from(ring.subarray(0, held))
        : Buffer.concat([ring.subarray(ringAt), ring.subarray(0, ringAt)]),
    follow(onChunk, onEnd) {
      // What waits is in the tail already, which they have been given.
      flush()
      followers.set(onChunk, onEnd)
      return () => void followers.delete(onChunk)
    },
    close() {
      clearTimeout(silence)
      flush()
      for (const onEnd of followers.values()) onEnd()
      followers.clear()
      if (file !== undefined) closeSync(file.fd)
      file = undefined
      held = ringAt = 0
    },
  }
}

interface OpenFile {
  readonly fd: number
  bytes: number
}

/** Each launch of a name begins a new file: one full file more is kept of what was before. */
function open(path: string, tell: (line: string) => void): OpenFile | undefined {
  try {
    makeDirectory(dirname(path))
    const before = statSync(path, { throwIfNoEntry: false })
    if (before !== undefined && before.size >= fileBytes) renameSync(path, `${path}.1`)
    const fd = openSync(path, 'a', 0o600)
    return { fd, bytes: statSync(path).size }
  } catch (error) {
    tell(`${path}: ${messageOf(error)}`)
    return undefined
  }
}

/** Of a server that is forgotten. */
export function removeLog(path: string): void {
  for (const each of [path, `${path}.1`]) rmSync(each, { force: true })
}
