import type { GuardPipe } from '../guard/pipe.ts'
import { readerGone } from '../system/reader-gone.ts'
import { settlesWithin } from '../system/settles-within.ts'

/** Most answers are there by then, and no program is started to watch who reads. */
const soonMs = 250

/**
 * A client that has closed its side may have asked before, as `printf … | glovebox run …` does: bare, the server would answer.
 * Waits for the answers as long as anybody reads them.
 * @param over the conversation has come to its end otherwise
 * @param graceMs how long it may read nothing of what waits for it
 */
export async function untilAnswered(
  pipe: Pick<GuardPipe, 'answered' | 'whileTaken'>,
  { over, hasUntaken, graceMs }: { over: Promise<unknown>; hasUntaken: () => boolean; graceMs: number },
): Promise<void> {
  const answered = Promise.race([pipe.answered(), over])
  if (await settlesWithin(answered, soonMs)) return
  const [nobodyAsks, isOver] = [new AbortController(), new AbortController()]
  const end = Promise.race([answered, readerGone(nobodyAsks.signal)]).finally(() => isOver.abort())
  try {
    // A signal ends each wait at once, and with it the conversation.
    while (!(await pipe.whileTaken(end, graceMs)) && !isOver.signal.aborted && !hasUntaken());
  } finally {
    nobodyAsks.abort()
  }
}
