import type { LogFile } from './log-file.ts'

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
/** Merged before it is written and passed on; whoever writes byte by byte costs us no more than others. */
const mergedBytes = 64 * 1024
/** The longest that something waits for more. What comes after a silence as long does not wait. */
const mergeMs = 50

/** In memory, and in a file, which others of the same name may write too. */
export function createServerLog(file: LogFile): ServerLog {
  const followers = new Map<(chunk: Buffer) => void, () => void>()
  /** Round: the oldest byte is the one after the newest, once it is full. */
  const ring = Buffer.alloc(ringBytes)
  let [ringAt, held] = [0, 0]
  const merged = Buffer.alloc(mergedBytes)
  let waiting = 0
  let silence: NodeJS.Timeout | undefined

  function keep(chunk: Buffer): void {
    const last = chunk.subarray(-ringBytes)
    const fits = last.copy(ring, ringAt)
    last.copy(ring, 0, fits)
    ringAt = (ringAt + last.length) % ringBytes
    held = Math.min(held + last.length, ringBytes)
  }

  function pass(chunk: Buffer): void {
    file.write(chunk)
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
      file.close()
      held = ringAt = 0
    },
  }
}
