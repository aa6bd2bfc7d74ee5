import type { PublishCloseFact, PublishOpenFact, Recorder } from '../../protocol/facts.ts'

/** A connection of this machine's to a port of the sandbox. */
export type Visit = Omit<PublishOpenFact, 'fact' | 'flow'>

/** A visit that is in the record. The first of its ends counts. */
export interface Stay {
  fail(reason: string): void
  close(end: Pick<PublishCloseFact, 'sent' | 'received' | 'reason'>): void
}

/** Writes down who came to the ports of one sandbox, before they are let in. */
export interface Book {
  /** Undefined when it cannot be written: then it does not happen. */
  open(visit: Visit): Stay | undefined
  /** One too many. Of those that come within a second one is written, and the number of the others. */
  refuse(visit: Visit, reason: string): void
}

/** What cannot be written ends the sandbox: `onFailure` does it. */
export function createBook(record: Recorder, onFailure: (error: unknown) => void, now: () => number = Date.now): Book {
  let flows = 0
  let refusedAt = -Infinity
  let unrecorded = 0
  const tell = (fact: Parameters<Recorder>[0]): boolean => {
    try {
      record(fact)
      return true
    } catch (error) {
      onFailure(error)
      return false
    }
  }
  return {
    open(visit) {
      const about = { flow: ++flows, ...visit }
      const since = now()
      if (!tell({ fact: 'publish-open', ...about })) return undefined
      let isOver = false
      const end = (fact: Parameters<Recorder>[0]): void => {
        if (isOver) return
        isOver = true
        tell(fact)
      }
      return {
        fail: (reason) => end({ fact: 'publish-fail', ...about, reason }),
        close: (how) => end({ fact: 'publish-close', ...about, ...how, ms: now() - since }),
      }
    },
    refuse(visit, reason) {
      if (now() - refusedAt < 1000) {
        unrecorded += 1
        return
      }
      refusedAt = now()
      tell({ fact: 'publish-refuse', flow: ++flows, ...visit, reason, unrecorded })
      unrecorded = 0
    },
  }
}
