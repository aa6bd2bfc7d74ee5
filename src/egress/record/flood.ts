import type { EgressFailFact, EgressRefuseFact } from '../../protocol/facts.ts'

type NotMade = EgressRefuseFact | EgressFailFact

/** Facts of connections that were not made. Those that come too fast are counted: a loop is not to fill the disk. */
export interface Flood {
  take(fact: NotMade): void
  /** Tells what is still to be told. */
  end(): void
}

/** A program that is refused so often in a second learns nothing from it, and neither does whoever reads the record. */
const maxPerSecond = 200

/** What is held back is told by its last one, with the number of the others, before the first of another second. */
export function createFlood(tell: (fact: NotMade) => void, now: () => number): Flood {
  let second = Number.NaN
  let inSecond = 0
  let held: { readonly last: NotMade; readonly others: number } | undefined
  const end = (): void => {
    if (held === undefined) return
    const { last, others } = held
    held = undefined
    tell({ ...last, unrecorded: others })
  }
  return {
    take(fact) {
      const at = Math.floor(now() / 1000)
      if (at !== second) {
        end()
        ;[second, inSecond] = [at, 0]
      }
      inSecond += 1
      if (inSecond > maxPerSecond) held = { last: fact, others: held === undefined ? 0 : held.others + 1 }
      else tell(fact)
    },
    end,
  }
}
