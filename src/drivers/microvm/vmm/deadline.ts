import type { Exit } from '../../driver.ts'

/**
 * The time that a policy grants, held from outside too: whoever has taken over a guest's kernel decides what the launcher in it does, but
 * not how long the machine is there.
 */
export interface Deadline {
  /** The program runs. */
  begin(): void
  /** It has ended. */
  end(): void
  /** An end that came by this is told as such. */
  tell(exit: Promise<Exit>): Promise<Exit>
}

/** An honest launcher is on time, and its word is on its way for a moment; on a busy host the guest's clock is behind. */
const graceMs = 5000

/** setTimeout takes no more, and fires at once for what is. */
const longestMs = 2 ** 31 - 1

export function createDeadline(limitMs: number | undefined, onPassed: () => void): Deadline {
  let timer: NodeJS.Timeout | undefined
  let [hasPassed, isOver] = [false, false]
  const wait = (leftMs: number): void => {
    timer = setTimeout(
      () => {
        if (leftMs > longestMs) return wait(leftMs - longestMs)
        hasPassed = true
        onPassed()
      },
      Math.min(leftMs, longestMs),
    )
  }
  const end = (): void => {
    isOver = true
    clearTimeout(timer)
  }
  return {
    begin() {
      if (limitMs !== undefined && !isOver) wait(limitMs + graceMs)
    },
    end,
    async tell(exit) {
      try {
        const ended = await exit
        return hasPassed ? { ...ended, timedOut: true } : ended
      } finally {
        end()
      }
    },
  }
}
