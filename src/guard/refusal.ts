/** Why a message is not forwarded: the stable words of `RefusalFact.reason` (docs/guard.md lists them for users). */
export const refusalReasons = [
  'too-large',
  'malformed-json',
  'control-character',
  'invalid-utf8',
  'too-deep',
  'too-many-members',
  'duplicate-key',
  'variant-key',
  'unknown-member',
  'not-json-rpc',
  'bad-id',
  'bad-method',
  'bad-params',
  'bad-result',
  'bad-error',
  'hidden-character',
  'batch',
  'duplicate-id',
  'too-many-outstanding',
  'unknown-response',
  'late-response',
  'unknown-progress',
  'unrecorded',
] as const

export type RefusalReason = (typeof refusalReasons)[number]

/** JSON-RPC 2.0, section 5.1. */
export const errorCodes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
} as const

/** A decision against a message. `detail` is a sentence for people, without the message's content. */
export interface Refusal {
  readonly reason: RefusalReason
  readonly detail: string
  readonly code: number
}

export function refusal(reason: RefusalReason, detail: string, code: number = errorCodes.invalidRequest): Refusal {
  return { reason, detail, code }
}
