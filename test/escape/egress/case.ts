import type { Zone } from '../../support/world/resolver.ts'

/** An attack on the network of a sandbox: data, the same for every driver. */
export interface EgressCase {
  /** A sentence about the sandbox. */
  readonly title: string
  /** Its own, in lower case: `gbx-ID` is the token that its bytes carry. */
  readonly id: string
  /** Of the attacking program (`native/attacks`). */
  readonly attack: string
  readonly args: Readonly<Record<string, string | number>>
  /**
   * What may pass on the host all the same: to the servers and ports of the room's policy nothing but empty packets, unless
   * `rest`: bytes without the token, or `all`: what is allowed is asked for, and must be got.
   */
  readonly leaves?: 'rest' | 'all'
  /** What must be seen of it where nothing stops it: its token, unless it has another aim. Or why that cannot be seen. */
  readonly control?: Aim | { readonly unproven: string }
}

/** A packet to this address, and port where there is one. */
export interface Aim {
  readonly to: string
  readonly port?: number
}

/** One sandbox, in which attacks are made one after another. */
export interface EgressRoom {
  readonly name: string
  readonly allow: readonly string[]
  readonly private?: readonly string[]
  /** `--secret`, and the environment from which they come. */
  readonly secrets?: { readonly flags: readonly string[]; readonly env: Readonly<Record<string, string>> }
  readonly zone: Zone
  /** Where the allowed names live, as far as they may be connected to. */
  readonly servers: readonly string[]
  readonly ports: readonly number[]
  /** What is allowed to them: 6 TCP, which is what it is where nothing is said, 17 UDP. */
  readonly protocol?: 6 | 17
  /** Whom the host asks for names, and what for: all that may be in its questions. */
  readonly names: readonly string[]
  readonly cases: readonly EgressCase[]
}

/** The resolver of the policy, on the host's side. */
export const resolver = '9.9.9.9'

export const allowedName = 'api.test'
/** Public to whoever looks at them; nobody's of ours outside of the suite's own namespace. */
export const server4 = '11.22.33.44'
export const server6 = '2600:11::44'
/** Another, which nobody allowed. */
export const other4 = '11.22.33.55'

export const zone: Zone = {
  [allowedName]: { a: [server4], aaaa: [server6], ttl: 0 },
  'other.test': { a: [other4], ttl: 0 },
}

export const tokenOf = (id: string): string => `gbx-${id}`

/** Of a conversation. */
export type Piece = string | Buffer | Repeated | Given | typeof answer | typeof gone

/** What the sandbox's environment has, in some shape. */
interface Given {
  readonly variable: string
}

interface Repeated {
  readonly text: string
  readonly times: number
}

/** Pieces of a conversation: text and bytes as they are, `?` and `+` as signs of their own. */
export function pieces(...all: readonly Piece[]): string {
  return all
    .map((piece) => {
      if (piece === answer) return '?'
      if (piece === gone) return '+'
      if (typeof piece === 'object' && 'variable' in piece) return `%${piece.variable}`
      if (typeof piece === 'object' && 'times' in piece) return `${hex(piece.text)}*${piece.times}`
      return hex(piece)
    })
    .join(',')
}

const hex = (piece: string | Buffer): string => Buffer.from(piece as string, 'latin1').toString('hex')

/** An answer is waited for. */
export const answer: unique symbol = Symbol('answer')
/** What was said before has gone, and was read by itself if the other side is quick. */
export const gone: unique symbol = Symbol('gone')
