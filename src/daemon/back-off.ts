/** How long to wait before the next start of a server that ends by itself, and when to give it up. */
export interface BackOff {
  /** It ended after so long: what to wait; undefined when it is not worth another start. */
  next(livedMs: number): number | undefined
}

const firstMs = 250
const longestMs = 30_000
/** A server that lived as long as this has shown that it can. */
const healthyMs = 60_000
const giveUpAfter = 10

export function createBackOff(): BackOff {
  let inARow = 0
  return {
    next(livedMs) {
      if (livedMs >= healthyMs) inARow = 0
      if (++inARow > giveUpAfter) return undefined
      return Math.min(longestMs, firstMs * 2 ** (inARow - 1))
    },
  }
}
