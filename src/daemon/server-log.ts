import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../errors.ts'

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

/** The file is `path`, and `path.1` what was there before it was full. A disk that is full costs the file, not the server. */
export function createServerLog(path: string, tell: (line: string) => void): ServerLog {
  const followers = new Map<(chunk: Buffer) => void, () => void>()
  let ring: Buffer[] = []
  let held = 0
  let file = open(path, tell)

  function keep(chunk: Buffer): void {
    // A copy: what is read from a pipe is a part of something larger.
    ring.push(Buffer.from(chunk.subarray(-ringBytes)))
    held += Math.min(chunk.length, ringBytes)
    while (held > ringBytes && ring[0] !== undefined) held -= ring.shift()?.length ?? 0
  }

  function append(chunk: Buffer): void {
    if (file === undefined) return
    try {
      for (let at = 0; at < chunk.length;) at += writeSync(file.fd, chunk, at)
      file.bytes += chunk.length
      if (file.bytes < fileBytes) return
      closeSync(file.fd)
      renameSync(path, `${path}.1`)
      file = open(path, tell)
    } catch (error) {
      tell(`${path}: ${messageOf(error)}`)
      file = undefined
    }
  }

  return {
    write(chunk) {
      keep(chunk)
      append(chunk)
      for (const onChunk of followers.keys()) onChunk(chunk)
    },
    tail: () => Buffer.concat(ring),
    follow(onChunk, onEnd) {
      followers.set(onChunk, onEnd)
      return () => void followers.delete(onChunk)
    },
    close() {
      for (const onEnd of followers.values()) onEnd()
      followers.clear()
      if (file !== undefined) closeSync(file.fd)
      file = undefined
      ring = []
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
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
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
