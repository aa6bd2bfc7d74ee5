import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Refusal } from './record/book.ts'

/**
 * A program's connection that waits for what is decided about it, whatever carries it: the relay of a jail, or the channel
 * of a guest. Exactly one of `connect`, `hand` and `refuse` is called first.
 */
export interface Incoming {
  /** What the program connected to, canonical. */
  readonly address: string
  readonly port: number
  /** Whether `connect` makes the connection by a `dial` that it is given: only where the bytes are here already. */
  readonly dials: boolean
  /** Connects to the first of the addresses that answers and moves bytes both ways, until either end is done. */
  connect(to: Connect): Promise<Ended>
  /** The program's bytes as a stream, from its first one on. Rejects when it has gone. */
  hand(): Promise<Duplex>
  /** The program's connection is reset; where it asked a proxy that has not answered yet, it is told why. Idempotent. */
  refuse(why?: Refusal): void
  /** Settles when nothing of it is left. */
  readonly closed: Promise<void>
}

export interface Connect {
  /** Canonical, checked: no other is connected to. */
  readonly addresses: readonly string[]
  readonly port: number
  /** Instead of connecting to an address: through a proxy of the host's. */
  readonly dial?: (() => Promise<Socket>) | undefined
  /** Nothing of the program's goes out before this has said `pass`; undefined: everything goes out. */
  readonly judge: Judge | undefined
  /** The connection is made. */
  readonly onConnected: (address: string) => void
}

/** Asked with all that the program has sent so far, until it says something else than `more`. */
export type Judge = (first: Buffer, end: boolean) => Judgement

export type Judgement = 'more' | 'pass' | 'refuse' | 'hand'

export type Ended =
  | { readonly how: 'closed'; readonly sent: number; readonly received: number; readonly reason: string }
  | { readonly how: 'failed'; readonly errno: number }
  /** By the judge: the program's bytes, from its first one on. */
  | { readonly how: 'handed'; readonly stream: Duplex }
  | { readonly how: 'refused' }
