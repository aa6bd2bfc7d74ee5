import { parseSize } from '../policy/sizes.ts'
import type { Fact } from '../protocol/facts.ts'

/** How much of one kind of what a sandbox does by itself is recorded: nobody has to do anything for it, and it could go on for ever. */
export interface Budget {
  /** Bytes a second in the long run. */
  readonly perSecond: number
  /** Bytes that pile up while it does less: a build has its whole record. */
  readonly most: number
}

/** What is left of a budget. */
export interface Purse {
  /** Whether one more event is written; it may be larger than what is left. `time`: milliseconds. */
  hasRoom(time: number): boolean
  spend(bytes: number): void
}

/**
 * `GLOVEBOX_AUDIT_RATE`; 16 KiB a second without it, 1.3 GiB a day.
 * @throws GloveboxError POLICY_INVALID naming the variable
 */
export function budgetFrom({ GLOVEBOX_AUDIT_RATE: rate }: NodeJS.ProcessEnv): Budget {
  const perSecond = rate === undefined ? 16 * 1024 : parseSize(rate, 'GLOVEBOX_AUDIT_RATE')
  return { perSecond, most: perSecond * pilesUpSeconds }
}

/** Four hours: the 225 MiB that this is by default are some 250,000 programs that were executed. */
const pilesUpSeconds = 4 * 3600

/** For who wants to know all of it, and stays with it. */
export const wholeRecord: Budget = { perSecond: 0, most: Infinity }

/** Full at first; a clock that is set back gives it nothing. */
export function createPurse({ perSecond, most }: Budget): Purse {
  let left = most
  let last: number | undefined
  return {
    hasRoom(time) {
      left = Math.min(most, left + (Math.max(0, time - (last ?? time)) * perSecond) / 1000)
      last = time
      return left > 0
    },
    spend(bytes) {
      left -= bytes
    },
  }
}

/** Which budget a fact is of. Connections that are made have one of their own: they must not disappear behind noise. */
export type Kind = 'noise' | 'connections'

/** Undefined where programs inside do not cause it as often as they like: what somebody outside asked for, and what comes once. */
export function kindOf(fact: Fact): Kind | undefined {
  switch (fact.fact) {
    case 'activity':
    case 'server-log':
    case 'lookup':
    case 'egress-refuse':
    case 'egress-fail':
      return 'noise'
    case 'egress-open':
    case 'egress-close':
      return 'connections'
    case 'refusal':
      return fact.direction === 'server-to-client' ? 'noise' : undefined
    default:
      return undefined
  }
}

/** One for each kind: of a sandbox, or of all those together that follow one another or run beside each other by one wish of a user. */
export type Purses = Readonly<Record<Kind, Purse>>

/** @throws GloveboxError as `budgetFrom` */
export function createPurses(budget: Budget = budgetFrom(process.env)): Purses {
  return { noise: createPurse(budget), connections: createPurse(budget) }
}

/** How many times what the fact says has happened. */
export function timesOf(fact: Fact): number {
  switch (fact.fact) {
    case 'activity':
      return fact.activity.count ?? 1
    case 'egress-refuse':
    case 'egress-fail':
      return (fact.times?.count ?? 1) + (fact.unrecorded ?? 0)
    case 'lookup':
      return 1 + fact.unrecorded
    default:
      return 1
  }
}
