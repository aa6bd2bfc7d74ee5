import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { settlesWithin } from './settles-within.ts'

/**
 * Waits for a work as long as a reader takes what was written for him, however slowly.
 * @param ms how long the work may take when nothing waits to be read, and how long the reader may take nothing
 * @returns whether the work is over; what it rejects with is thrown
 */
export type WhileTaken = (work: Promise<unknown>, ms: number) => Promise<boolean>

/**
 * For the reader behind one sink. Of a socket it is seen that he takes parts of a single large write: libuv counts what is left of it,
 * and Node's idle timeout looks at that count (lib/net.js, `_onTimeout`). Of any other sink whole writes are seen.
 * @param signal ends each wait: the work is not over then
 */
export function whileTaken(sink: Writable, signal?: AbortSignal): WhileTaken {
  return async (work, ms) => {
    const socket = sink instanceof Socket ? sink : undefined
    const given = Promise.withResolvers<void>()
    const giveUp = (): void => given.resolve()
    let isIdle = false
    const onIdle = (): void => void (isIdle = true)
    socket?.setTimeout(ms).on('timeout', onIdle)
    signal?.addEventListener('abort', giveUp, { once: true })
    if (signal?.aborted === true) giveUp()
    const over = Promise.race([work, given.promise])
    try {
      for (;;) {
        const before = sink.writableLength
        if (await settlesWithin(over, ms)) return signal?.aborted !== true
        const isRead = socket === undefined ? sink.writableLength !== before : !isIdle
        if (!isRead || !hasUntaken(sink)) return false
      }
    } finally {
      socket?.setTimeout(0).off('timeout', onIdle)
      signal?.removeEventListener('abort', giveUp)
    }
  }
}

/** Whether something waits that a reader, who is still there, has not taken. */
export function hasUntaken(sink: Writable): boolean {
  return sink.writable && sink.writableLength > 0
}
