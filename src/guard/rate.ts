import type { Direction, Recorder, RefusalFact } from '../protocol/facts.ts'
import type { RefusalReason } from './refusal.ts'

export type Clock = () => number

/** Tokens come in steadily and pile up for one second at most. It may go into debt, which takes time to pay back. */
export interface TokenBucket {
  take(count: number): void
  /** Takes one if there is one. */
  tryTake(): boolean
  /** Milliseconds until the debt is paid. */
  debtMs(): number
}

export function createTokenBucket(perSecond: number, now: Clock): TokenBucket {
  let tokens = perSecond
  let last = now()

  function refill(): void {
    const time = now()
    tokens = Math.min(perSecond, tokens + ((time - last) * perSecond) / 1000)
    last = time
  }

  return {
    take(count) {
      refill()
      tokens -= count
    },
    tryTake() {
      refill()
      if (tokens < 1) return false
      tokens--
      return true
    },
    debtMs() {
      refill()
      return tokens >= 0 ? 0 : Math.ceil((-tokens * 1000) / perSecond)
    },
  }
}

export interface RefusalRecorder {
  record(fact: RefusalFact): void
  /** Tells of what was only counted. */
  flush(): void
}

/** Records refusals one by one up to a rate and counts the rest, so that a flood of junk cannot fill the disk. */
export function createRefusalRecorder(
  record: Recorder,
  direction: Direction,
  perSecond: number,
  now: Clock,
): RefusalRecorder {
  const bucket = createTokenBucket(perSecond, now)
  let count = 0
  let bytes = 0

  function flush(): void {
    if (count === 0) return
    const reason: RefusalReason = 'unrecorded'
    const detail = `${count} more messages were refused, too fast to record each (over ${perSecond} a second).`
    record({ fact: 'refusal', direction, reason, detail, bytes })
    count = 0
    bytes = 0
  }

  return {
    record(fact) {
      if (!bucket.tryTake()) {
        count++
        bytes += fact.bytes
        return
      }
      flush()
      record(fact)
    },
    flush,
  }
}
