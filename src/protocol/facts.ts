import type { Control, Enforcement } from './controls.ts'
import type { Activity, JailExit, JailLimitHit } from './jail-status.ts'

/**
 * What happened, as the rooms say it; `audit/` turns each into an OCSF event and chains it.
 * A fact about a decision is written before the decision takes effect.
 */
export type Fact =
  | StartFact
  | ReceiptFact
  | StartFailedFact
  | StopFact
  | ActivityFact
  | LimitFact
  | MessageFact
  | RefusalFact
  | ServerLogFact
  | EntryFact
  | EntryEndFact

export interface StartFact {
  readonly fact: 'start'
  readonly server: string
  readonly driver: string
  readonly command: readonly string[]
  /** SHA-256 of the plan's canonical JSON, hex. */
  readonly plan: string
  readonly allowDegraded: readonly Control[]
}

export interface ReceiptFact {
  readonly fact: 'receipt'
  readonly enforcements: readonly Enforcement[]
  readonly pid: number
}

export interface StartFailedFact {
  readonly fact: 'start-failed'
  readonly code: string
  readonly message: string
}

export interface StopFact {
  readonly fact: 'stop'
  readonly exit: Omit<JailExit, 'event'>
}

export interface ActivityFact {
  readonly fact: 'activity'
  readonly activity: Omit<Activity, 'event'>
}

export interface LimitFact {
  readonly fact: 'limit'
  readonly limit: JailLimitHit['limit']
  readonly detail: string
}

export type Direction = 'client-to-server' | 'server-to-client'

/** A message that passed, when policy had something to say about it: today each `tools/call`. */
export interface MessageFact {
  readonly fact: 'message'
  readonly direction: Direction
  readonly method: string
  /** The tool's name, for `tools/call`. */
  readonly tool: string | undefined
  /** JSON of the request id. */
  readonly id: string | undefined
  readonly bytes: number
  /** SHA-256 of the arguments' bytes, hex: the arguments themselves may hold secrets. */
  readonly argumentsSha256: string | undefined
  readonly verdict: 'allowed' | 'denied'
  readonly rule: string
}

/** A message that was not forwarded. */
export interface RefusalFact {
  readonly fact: 'refusal'
  readonly direction: Direction
  /** Stable word: `malformed-json`, `too-large`, `too-deep`, `duplicate-key`, … */
  readonly reason: string
  /** One sentence, with nothing of the message's content but names that passed the checks. */
  readonly detail: string
  readonly bytes: number
}

/** A line that the server wrote to stderr, or to stdout where it is not a message. Cut at 4 KiB, redacted later. */
export interface ServerLogFact {
  readonly fact: 'server-log'
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
}

/**
 * Somebody goes into a running sandbox. It has a chain of its own, begun before anything is asked of the inside: the
 * sandbox's chain is written by the process that it belongs to, and by nobody else.
 */
export interface EntryFact {
  readonly fact: 'entry'
  readonly kind: 'exec' | 'shell' | 'copy-in' | 'copy-out'
  /** The id of the sandbox. */
  readonly into: string
  readonly command: readonly string[]
}

export interface EntryEndFact {
  readonly fact: 'entry-end'
  readonly into: string
  /** Exit code of our own command. */
  readonly code: number
  /** In words, with nothing of the sandbox's. */
  readonly how: string
}

/** Takes a fact and returns when it is in the file; throws when it cannot be written, which fails what was to happen. */
export type Recorder = (fact: Fact) => void
