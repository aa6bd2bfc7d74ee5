import type { EgressFailFact, EgressRefuseFact } from '../../protocol/facts.ts'

type NotMade = EgressRefuseFact | EgressFailFact

/** Facts of connections that were not made. A loop is not to fill the disk: what comes again and again is counted. */
export interface Flood {
  take(fact: NotMade): void
  /** Tells what is still to be told. */
  end(): void
}

/** Of the same attempt so many are told each, and those after them counted until there was none for a while. */
const eachTold = 5
const windowMs = 10_000

/** All are looked at so often at most, however many attempts there are. */
const settleMs = 1000

/** Different ones that are known at a time. */
const maxKnown = 512

/** Of all that is told: a program that asks for everything that there is learns nothing from it, and neither does a reader. */
const maxPerSecond = 200

interface Known {
  told: number
  /** When it was told, or what was counted. */
  since: number
  folded: { count: number; readonly sinceMs: number; untilMs: number; last: NotMade } | undefined
}

/**
 * What is counted is told by its last one, with how many there were, from when to when; of attempts that are all
 * different and too many for a second the last one has the number of the others (`unrecorded`), whatever those stand for.
 */
export function createFlood(tell: (fact: NotMade) => void, now: () => number): Flood {
  const known = new Map<string, Known>()
  const rest = createRest(tell, now)
  let timer: NodeJS.Timeout | undefined
  let settled = -Infinity

  function tellFolded(one: Known): void {
    const { folded } = one
    one.folded = undefined
    if (folded === undefined) return
    const { last, count, sinceMs, untilMs } = folded
    rest.take(count === 1 ? last : { ...last, times: { count, sinceMs, untilMs } })
  }

  /** Those whose time is over: told, and forgotten where nothing was counted meanwhile. */
  function settle(): void {
    if (now() - settled < settleMs) return
    settled = now()
    for (const [key, one] of known) {
      if (now() - one.since < windowMs) continue
      if (one.folded === undefined || now() - one.folded.untilMs >= windowMs) known.delete(key)
      one.since = now()
      tellFolded(one)
    }
  }

  function watch(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      settle()
      if (known.size > 0) watch()
    }, windowMs).unref()
  }

  function remember(key: string): Known {
    const one = known.get(key) ?? { told: 0, since: now(), folded: undefined }
    known.set(key, one)
    const [oldest] = known
    if (known.size > maxKnown && oldest !== undefined) {
      known.delete(oldest[0])
      tellFolded(oldest[1])
    }
    return one
  }

  return {
    take(fact) {
      settle()
      const one = remember(keyOf(fact))
      watch()
      if (one.told < eachTold) {
        one.told += 1
        return rest.take(fact)
      }
      const at = now()
      one.folded ??= { count: 0, sinceMs: at, untilMs: at, last: fact }
      one.folded.count += 1
      one.folded.untilMs = at
      one.folded.last = fact
    },
    end() {
      clearTimeout(timer)
      for (const one of known.values()) tellFolded(one)
      known.clear()
      rest.end()
    },
  }
}

/** The same attempt: of the same program, whichever process of it, at the same place, with the same end. */
function keyOf(fact: NotMade): string {
  const { process, name, port, protocol, rule, reason } = fact
  const where = fact.fact === 'egress-refuse' ? fact.address : fact.addresses
  return JSON.stringify([fact.fact, process?.program, name, where, port, protocol, rule, reason])
}

/** What is held back is told by its last one, with the number of the others, before the first of another second. */
function createRest(tell: (fact: NotMade) => void, now: () => number): Flood {
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
      if (inSecond <= maxPerSecond) return tell(fact)
      held = { last: fact, others: held === undefined ? 0 : held.others + (held.last.times?.count ?? 1) }
    },
    end,
  }
}
