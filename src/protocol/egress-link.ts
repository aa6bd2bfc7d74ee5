/**
 * What the relay (native, outside the sandbox, beside the launcher) and the host's egress (`src/egress`) say to each
 * other, over one Unix stream socket that the host listens on (`JailEgress.socket`): one JSON object a line, 64 KiB at
 * most, `native/wire/src/egress.rs` is the other end and `native/wire/fixtures/egress-*.jsonl` is checked by both.
 * The relay moves bytes; what may be connected to whom is decided by the host alone, for each connection.
 *
 * The relay's first line on a connection says which it is: `{"link":1}` for this conversation, once, or
 * `{"carry":ID}` for the bytes of one connection that the host took over by `hand`. After that line a carried connection
 * is the program's bytes, from its first one on; where they are datagrams, each with its length before it, two bytes, the
 * more significant one first.
 */

/** A connection or a question of a program's, numbered by the relay from 1, never used twice. */
export type FlowId = number

export type FromRelay =
  /** A program's connection was taken, and nothing of it has been read. `address`: what the program connected to. */
  | { readonly id: FlowId; readonly opened: { readonly address: string; readonly port: number } }
  /**
   * What the program sent first, base64: everything since the connection began, again with each further line, until
   * `connect` without `look`, `pass`, `hand` or `refuse`. Nobody asks for it: most programs speak before it is decided about
   * them. 16 KiB at most; `end`: the program will send no more.
   */
  | { readonly id: FlowId; readonly first: { readonly bytes: string; readonly end: boolean } }
  /** The connection to this address is made. Told with the next line, whatever that is about, or within 10 ms. */
  | { readonly id: FlowId; readonly connected: { readonly address: string } }
  /** None of the addresses could be connected to: the errno of the last. The program's connection has been reset. */
  | { readonly id: FlowId; readonly failed: { readonly errno: number } }
  /**
   * The last line of an id that was opened, whatever became of it. Bytes that programs sent, and that they were sent.
   * `handed`: what `end` is for a connection that the host carried; `refused`: by `refuse`, or by a line that made no sense
   * for it any more (a second `connect`, `hand` after bytes went out).
   */
  | {
      readonly id: FlowId
      readonly closed: {
        readonly sent: number
        readonly received: number
        readonly reason: 'end' | 'reset' | 'idle' | 'limit' | 'refused' | 'handed' | 'failed'
      }
    }
  /**
   * A program's first datagram from one socket to this address was taken, and waits for what becomes of those that go there:
   * `hand` or `refuse`, in whose place nothing else is legal. Its last line is `closed`, without counts: who carries counts.
   */
  | { readonly id: FlowId; readonly datagrams: { readonly address: string; readonly port: number } }
  /** A datagram to the resolver's address, base64, 4096 bytes at most. Answered within 10 s by `answer`, or dropped. */
  | { readonly id: FlowId; readonly query: string }

export type ToRelay =
  /** The first line: what holds for all of the sandbox's connections together. */
  | { readonly welcome: RelayLimits }
  /** Connect to the first of these that answers, in order, and move bytes. With `look` nothing of the program's goes out before `pass`; without it everything does. */
  | {
      readonly id: FlowId
      readonly connect: { readonly addresses: readonly string[]; readonly port: number; readonly look: boolean }
    }
  /** After `look`: what the program sent may go out. */
  | { readonly id: FlowId; readonly pass: true }
  /** Carry the program's bytes, all of them, to a new connection of this socket; one to the outside is closed. */
  | { readonly id: FlowId; readonly hand: true }
  /** Reset the program's connection. Legal at any time until `closed`. */
  | { readonly id: FlowId; readonly refuse: true }
  /** To `query`: the datagram to send back, base64; empty: none. */
  | { readonly id: FlowId; readonly answer: string }

export interface RelayLimits {
  /**
   * Connections at once; what comes beyond is reset by the relay without asking. Fewer, where the relay may not have seven
   * descriptors for each (RLIMIT_NOFILE, the hard one). As many conversations by datagrams beside them; for one more the
   * one that was longest silent ends.
   */
  readonly connections: number
  /** Both directions of all connections together, a second; `null`: as fast as it goes. */
  readonly bytesPerSecond: number | null
  /** Both directions of all connections together, ever; `null`: no end. */
  readonly bytes: number | null
  /** A connection over which nothing moved for so long is closed. */
  readonly idleMs: number
  /** Longest attempt to connect to one address. */
  readonly connectMs: number
}
