/** The OCSF version whose names and numbers are used: https://schema.ocsf.io/1.8.0 */
export const schemaVersion = '1.8.0'

/** A class of OCSF events, and the profiles whose attributes its events here carry. */
export interface EventClass {
  readonly uid: number
  readonly category: number
  readonly profiles: readonly string[]
}

type ClassName = 'base' | 'file' | 'process' | 'detection' | 'network' | 'dns' | 'lifecycle' | 'api'

export const classes: Readonly<Record<ClassName, EventClass>> = {
  base: { uid: 0, category: 0, profiles: ['host'] },
  file: { uid: 1001, category: 1, profiles: ['host', 'security_control'] },
  process: { uid: 1007, category: 1, profiles: ['host', 'security_control'] },
  detection: { uid: 2004, category: 2, profiles: ['host', 'security_control'] },
  network: { uid: 4001, category: 4, profiles: ['host', 'security_control'] },
  dns: { uid: 4003, category: 4, profiles: ['host', 'security_control'] },
  lifecycle: { uid: 6002, category: 6, profiles: ['host'] },
  api: { uid: 6003, category: 6, profiles: ['host', 'security_control'] },
}

export const severity = { informational: 1, low: 2, medium: 3, high: 4 } as const
export const status = { unknown: 0, success: 1, failure: 2, other: 99 } as const

/** Activity 99 is "Other", which has to be named. */
export interface ActivityType {
  readonly id: number
  readonly name?: string
}

/** What all events of one sandbox share. */
export interface Origin {
  readonly sandbox: string
  readonly server: string
  readonly product: { readonly name: string; readonly vendor_name: string; readonly version: string }
  readonly device: { readonly hostname: string; readonly type_id: number }
}

/** A fact in OCSF's words, before the envelope that all events have. */
export interface Mapped {
  readonly class: EventClass
  readonly activity: ActivityType
  readonly severity: number
  /** One sentence. It may name what the sandbox or the client named: hostile text, to be made harmless where it is shown. */
  readonly message: string
  /** Our own stable word for the kind of event, in `metadata.event_code`. */
  readonly code: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly unmapped: Readonly<Record<string, unknown>>
}

export type Verdict = 'allowed' | 'denied' | 'recorded'

/** Attributes of the security_control profile. */
export interface Outcome {
  readonly action_id: number
  readonly disposition_id: number
  readonly is_alert?: true
}

const outcomes: Readonly<Record<Verdict, Outcome>> = {
  // action_id 1 Allowed, disposition_id 1 Allowed
  allowed: { action_id: 1, disposition_id: 1 },
  // action_id 2 Denied, disposition_id 2 Blocked
  denied: { action_id: 2, disposition_id: 2, is_alert: true },
  // action_id 3 Observed, disposition_id 17 Logged: the kernel's own rules decide
  recorded: { action_id: 3, disposition_id: 17 },
}

export function outcome(verdict: Verdict): Outcome {
  return outcomes[verdict]
}

export function severityOf(verdict: Verdict): number {
  return verdict === 'denied' ? severity.medium : severity.informational
}
