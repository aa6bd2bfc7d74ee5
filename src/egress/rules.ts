/** What the engine is handed: the policy's word on each connection, as pure functions. */
export interface Rules {
  readonly decide: Decide
  /** Whether any port of a name may be connected to, which is what the resolver answers by. */
  readonly resolves: (name: string) => Decision
  readonly mayConnect: MayConnect
}

/** `name`: normalised (`normalName`); `address`: canonical (`canonicalAddress`). */
export type Target =
  | { readonly name: string; readonly port: number }
  | { readonly address: string; readonly port: number }

export type Decide = (target: Target) => Decision

export interface Decision {
  readonly allowed: boolean
  /** The rule as it was written, or the word for what stands where no rule does: `network.default-deny`. */
  readonly rule: string
}

/** Why an allowed *name* may not be connected to at this address; undefined: it may. */
export type MayConnect = (address: string, port: number) => string | undefined
