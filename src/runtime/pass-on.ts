import type { Readable } from 'node:stream'
import { settlesWithin } from './settles-within.ts'

/** Settles when all of a stream is passed on, or nobody has taken anything of it for so many ms. */
export type Heard = (ms: number) => Promise<void>

/**
 * Passes a stream on piece by piece, and reads no more of it while one waits for room. Returns how that ends: all of it is passed on, or
 * nothing was taken for so long.
 */
export function passOn(stream: Readable, take: (chunk: Buffer) => Promise<void> | undefined): Heard {
  let taken = 0
  let waiting: Promise<void> | undefined
  stream.on('data', (chunk: Buffer) => {
    // Node lets a stream of a process that has ended flow again, whoever has stopped it (child_process, flushStdio): what comes then
    // stands in line.
    const room = waiting === undefined ? take(chunk) : waiting.then(async () => take(chunk))
    if (room === undefined) return void (taken += 1)
    stream.pause()
    const mine: Promise<void> = room.then(() => hasRoom(mine))
    waiting = mine
    return undefined
  })
  const hasRoom = (last: Promise<void>): void => {
    taken += 1
    if (waiting !== last) return
    waiting = undefined
    stream.resume()
  }
  const ended = new Promise<void>((resolve) => stream.once('end', resolve).once('close', resolve))
  const over = ended.then(async () => waiting)
  return async (ms) => {
    for (;;) {
      const before = taken
      if ((await settlesWithin(over, ms)) || taken === before) return
    }
  }
}
