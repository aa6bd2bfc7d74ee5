/** What the engine is handed: the policy's word on each connection, as pure functions. */
export interface Rules {
  readonly decide: Decide
  /** Whether any port of a name may be connected to, which is what the resolver answers by. */
  readonly resolves: (name: string) => Decision
  readonly mayConnect: MayConnect
}

/** `name`: normalised (`normalName`); `address`: canonical (`canonicalAddress`). */
export type Target = { readonly port: number; /** By datagrams. */ readonly udp?: true | undefined } & (
  | { readonly name: string }
  | { readonly address: string }
)

export type Decide = (target: Target) => Decision

export interface Decision {
  readonly allowed: boolean
  /** The rule as it was written, or the word for what stands where no rule does: `network.default-deny`. */
  readonly rule: string
}

/** Why an allowed *name* may not be connected to at this address; undefined: it may. */
export type MayConnect = (address: string, port: number, by?: 'tcp' | 'udp') => string | undefined
