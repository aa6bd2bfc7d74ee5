/** What a program, a client or a server tried, as the record says it. Every text in it may be hostile. */
export interface Attempt {
  /** `gbx-0c5f3a9d1e27:42`: the sandbox, and the number of the event in its record. */
  readonly id: string
  readonly time: number | undefined
  readonly server: string
  /** `connect`, `open`, `exec`, `lookup`, `egress-refuse`, `message`, `refusal`, `limit`, `start-failed`, … */
  readonly kind: string
  readonly verdict: 'allowed' | 'denied' | 'recorded' | 'failed' | ''
  readonly rule: string
  readonly program: string | undefined
  readonly pid: number | undefined
  /** `1.2.3.4:443`, `[::1]:80`, `unix:/run/x`: what was connected to. */
  readonly address: string | undefined
  /** What was looked up or connected to by name. */
  readonly host: string | undefined
  readonly port: number | undefined
  /** By datagrams. */
  readonly udp?: true
  /** How often, where more than one attempt is in this event. */
  readonly count?: number
  readonly path: string | undefined
  readonly access: 'read' | 'write' | undefined
  readonly tool: string | undefined
  /** One sentence of ours. */
  readonly detail: string
}

/** One change of a server's `sandbox` in the configuration. */
export type Grant =
  /** Into a list, unless it is there. */
  | { readonly how: 'add'; readonly key: readonly string[]; readonly value: string }
  /** Out of a list. */
  | { readonly how: 'remove'; readonly key: readonly string[]; readonly value: string }
  | { readonly how: 'set'; readonly key: readonly string[]; readonly value: string | number | readonly string[] }

export interface Explanation {
  /** What happened, and who it was. */
  readonly what: string
  /** Which rule decided, and what the rule is for. */
  readonly rule: string
  readonly why: string
  /** What would allow it; null where nothing does. */
  readonly remedy: Remedy | null
  /** What to know before it is used, or why there is none. */
  readonly notes: readonly string[]
}

export interface Remedy {
  /** For a command line; undefined where there is no flag for it. */
  readonly flag: string | undefined
  readonly grant: Grant
  /** Whether `--apply` writes it: what a person should think about first, a person writes. */
  readonly applies: boolean
}

/** What would allow an attempt, and what a person should know about that. */
export interface Found {
  readonly remedy: Remedy | null
  readonly notes: readonly string[]
}
