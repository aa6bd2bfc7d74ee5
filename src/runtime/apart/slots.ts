/** So many at a time, in the order in which they came. */
export interface Slots {
  /** Settles when there is a place; the returned function gives it back. @throws the signal's reason, when it has one before */
  enter(signal: AbortSignal): Promise<() => void>
}

export function createSlots(size: number): Slots {
  const waiting: (() => void)[] = []
  let free = size

  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }

  return {
    async enter(signal) {
      signal.throwIfAborted()
      if (free > 0) {
        free--
        return leave
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const giveUp = (): void => {
        const at = waiting.indexOf(resolve)
        // Its turn has come already, and it learns so next.
        if (at === -1) return
        waiting.splice(at, 1)
        reject(signal.reason)
      }
      waiting.push(resolve)
      signal.addEventListener('abort', giveUp, { once: true })
      await promise.finally(() => signal.removeEventListener('abort', giveUp))
      return leave
    },
  }
}
