import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { settlesWithin } from './settles-within.ts'

/** How long a reader who is still there may take nothing of what waits for him. */
const patienceMs = 2000

/**
 * Waits for a work as long as a reader takes what was written for him, however slowly.
 * @param ms how long the work may take when nothing waits to be read
 * @returns whether the work is over; what it rejects with is thrown
 */
export type WhileTaken = (work: Promise<unknown>, ms: number) => Promise<boolean>

/**
 * For the reader behind one sink. Several may wait at a time.
 * @param idleMs how long the reader of a socket may take nothing. Of any other sink the `ms` of each wait are taken for it
 * @param signal ends each wait: the work is not over then
 */
export function whileTaken(
  sink: Writable,
  { idleMs = patienceMs, signal }: { readonly idleMs?: number; readonly signal?: AbortSignal | undefined } = {},
): WhileTaken {
  const waiting = new Set<() => void>()
  const watch =
    sink instanceof Socket ? stillness(sink, idleMs, () => waiting.forEach((giveUp) => giveUp())) : undefined
  return async (work, ms) => {
    const given = Promise.withResolvers<false>()
    const giveUp = (): void => given.resolve(false)
    const over = Promise.race([work.then(() => true), given.promise])
    waiting.add(giveUp)
    signal?.addEventListener('abort', giveUp, { once: true })
    if (signal?.aborted === true) giveUp()
    if (waiting.size === 1) watch?.begin()
    try {
      for (;;) {
        const before = sink.writableLength
        if (await settlesWithin(over, ms)) return (await over) && signal?.aborted !== true
        const mayRead = watch !== undefined || sink.writableLength !== before
        if (!mayRead || !hasUntaken(sink)) return false
      }
    } finally {
      signal?.removeEventListener('abort', giveUp)
      waiting.delete(giveUp)
      if (waiting.size === 0) watch?.end()
    }
  }
}

/**
 * Tells when the reader of a socket has taken nothing for so long of what waits for him. He is seen to take parts of a single large write:
 * libuv counts what is left of it, and Node's idle timeout looks at that count (lib/net.js, `_onTimeout`). A socket has only one such
 * timeout, so all who wait share it: each that set its own would put off that of the others, or end it.
 */
function stillness(socket: Socket, ms: number, onStill: () => void): { begin(): void; end(): void } {
  const onIdle = (): void => {
    // It rings once, and then only after the next write.
    socket.setTimeout(ms)
    if (hasUntaken(socket)) onStill()
  }
  return {
    begin: () => void socket.setTimeout(ms).on('timeout', onIdle),
    end: () => void socket.setTimeout(0).off('timeout', onIdle),
  }
}

/** Whether something waits that a reader, who is still there, has not taken. */
export function hasUntaken(sink: Writable): boolean {
  return sink.writable && sink.writableLength > 0
}
