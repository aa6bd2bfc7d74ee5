import type { Direction, MessageFact } from '../protocol/facts.ts'
import type { ErrorAnswer, Side } from './answers.ts'
import type { Id } from './ids.ts'
import type { JsonScanner, Span } from './json-scan.ts'
import type { Ledger } from './ledger.ts'
import type { GuardLimits } from './limits.ts'
import type { Questions } from './questions.ts'
import type { Refusal } from './refusal.ts'
import type { ToolListFilter } from './tool-list.ts'
import type { ToolRules } from './tool-rules.ts'

/** What the rules share for one connection, and the only things that they may do. */
export interface Session {
  readonly limits: GuardLimits
  readonly scan: JsonScanner
  readonly tools: ToolRules
  readonly filterTools: ToolListFilter
  /** Our own, to the person at the client. */
  readonly questions: Questions
  /** Requests by the direction in which they went. */
  readonly asked: Readonly<Record<Direction, Ledger>>
  /** The version that the server named in its answer to `initialize`; absent before, and in the stateless era. */
  protocolVersion: string | undefined
  /** When a request that is forwarded now is given up. */
  deadline(method: string): number | undefined
  recordMessage(fact: Omit<MessageFact, 'fact'>): void
  recordRefusal(direction: Direction, refused: Refusal, bytes: number): void
  answer(to: Side, id: Id | null, error: ErrorAnswer): void
}

/** What becomes of a message: `drop` when the rule has already said what there was to say; cuts leave bytes out. */
export type Ruling = 'forward' | 'drop' | Refusal | readonly Span[]

/** A checked message and where it is. */
export interface Message<Kind> {
  readonly direction: Direction
  readonly bytes: Buffer
  /** The whole message. */
  readonly span: Span
  readonly envelope: Kind
}

export function opposite(direction: Direction): Direction {
  return direction === 'client-to-server' ? 'server-to-client' : 'client-to-server'
}

export function senderOf(direction: Direction): Side {
  return direction === 'client-to-server' ? 'client' : 'server'
}

export function receiverOf(direction: Direction): Side {
  return direction === 'client-to-server' ? 'server' : 'client'
}
