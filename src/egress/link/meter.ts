import type { NetworkLimits } from '../../policy/network.ts'

/** What all connections of a sandbox together may move: so much a second (a token bucket), and so much at all. */
export interface Meter {
  /** How many of so many bytes may move now; 0: `whenFilled` says when to ask again. `never`: all that may ever move has moved. */
  take(wanted: number): number | 'never'
  /** Calls back once, after those who asked before. */
  whenFilled(onFilled: () => void): void
  /** Nobody is called back any more. */
  close(): void
}

/** A quiet sandbox may catch up on so much of a second (`native/relay/src/budget.rs`). */
const burst = 4

/** How often there are new bytes to spend. */
const refillMs = 10

export function createMeter(
  { bytesPerSecond, bytes }: Pick<NetworkLimits, 'bytesPerSecond' | 'bytes'>,
  now: () => number = () => performance.now(),
): Meter {
  const capacity = bytesPerSecond === null ? Infinity : Math.max(1, Math.floor(bytesPerSecond / burst))
  let tokens = capacity
  let left = bytes ?? Infinity
  let filled = now()
  let waiting: (() => void)[] = []
  let timer: NodeJS.Timeout | undefined

  function refill(): void {
    if (bytesPerSecond === null) return
    const earned = Math.floor(((now() - filled) * bytesPerSecond) / 1000)
    // The rest of a byte is not lost: the clock stands where the last whole one was earned.
    filled += (earned * 1000) / bytesPerSecond
    tokens = Math.min(capacity, tokens + earned)
  }

  function callBack(): void {
    timer = undefined
    refill()
    const turn = waiting
    waiting = []
    for (const [index, onFilled] of turn.entries()) {
      // In a circle: who finds nothing left is before those who had their turn.
      if (tokens === 0) {
        waiting = [...turn.slice(index), ...waiting]
        break
      }
      onFilled()
    }
    if (waiting.length > 0) timer ??= setTimeout(callBack, refillMs)
  }

  return {
    take(wanted) {
      if (left === 0) return 'never'
      refill()
      const granted = Math.min(wanted, left, tokens)
      tokens -= granted
      left -= granted
      return granted
    },
    whenFilled(onFilled) {
      waiting.push(onFilled)
      timer ??= setTimeout(callBack, refillMs)
    },
    close() {
      clearTimeout(timer)
      waiting = []
    },
  }
}
