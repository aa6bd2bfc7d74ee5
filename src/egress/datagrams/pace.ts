/** Whether one more may go now. */
export type Pace = () => boolean

/** A quiet sandbox may catch up on so much of a second. */
const burst = 4

/**
 * So many a second, of all that asks. A connection slows down when its way is full (RFC 5681); datagrams do not, so that a
 * loop inside would be a flood at somebody who only has its name in a rule.
 */
export function createPace(perSecond: number, now: () => number = () => performance.now()): Pace {
  const capacity = Math.max(1, perSecond / burst)
  let tokens = capacity
  let filled = now()
  return () => {
    const at = now()
    tokens = Math.min(capacity, tokens + ((at - filled) * perSecond) / 1000)
    filled = at
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
}
