import type { Readable } from 'node:stream'
import { settlesWithin } from '../system/settles-within.ts'

/** Settles when all of a stream is passed on, or nobody has taken anything of it for so many ms. */
export type Heard = (ms: number) => Promise<void>

/** Undefined when all of a piece is taken at once, else what settles when it is; `onTaken` whenever some of it is. */
export type Take = (chunk: Buffer, onTaken: () => void) => Promise<void> | undefined

/**
 * Passes a stream on piece by piece, and reads no more of it while one waits for room. Returns how that ends: all of it is passed on, or
 * nothing was taken for so long.
 */
export function passOn(stream: Readable, take: Take): Heard {
  let taken = 0
  let waiting: Promise<void> | undefined
  // A piece may be so large that a slow reader is at it for longer than anybody waits for one that has gone.
  const onTaken = (): void => void (taken += 1)
  stream.on('data', (chunk: Buffer) => {
    // Node lets a stream of a process that has ended flow again, whoever has stopped it (child_process, flushStdio): what comes then
    // stands in line.
    const room = waiting === undefined ? take(chunk, onTaken) : waiting.then(async () => take(chunk, onTaken))
    if (room === undefined) return onTaken()
    stream.pause()
    const mine: Promise<void> = room.then(() => hasRoom(mine))
    waiting = mine
    return undefined
  })
  const hasRoom = (last: Promise<void>): void => {
    onTaken()
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
