/** Exit codes of every verb (design.md, "Meanings that are settled"). */
export interface ExitCodes {
  readonly ok: 0
  readonly failed: 1
  readonly usage: 2
  readonly hostCannot: 3
  readonly refused: 4
  readonly toolError: 5
  readonly timedOut: 124
  readonly notStarted: 125
  readonly notExecutable: 126
  readonly notFound: 127
}

export const exitCodes: ExitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  hostCannot: 3,
  refused: 4,
  toolError: 5,
  timedOut: 124,
  notStarted: 125,
  notExecutable: 126,
  notFound: 127,
}

export type ErrorCode =
  | 'USAGE'
  | 'POLICY_INVALID'
  | 'PATH_NOT_VISIBLE'
  | 'HOST_CANNOT'
  | 'NATIVE_MISSING'
  | 'REFUSED'
  | 'TOOL_ERROR'
  | 'TIMED_OUT'
  | 'NOT_STARTED'
  | 'NOT_EXECUTABLE'
  | 'NOT_FOUND'
  | 'CHANNEL_LOST'
  | 'AUDIT_UNWRITABLE'
  | 'AUDIT_TAMPERED'
  | 'FAILED'
  | 'INTERNAL'

/** Every error that a person can meet, with the exit code that it ends a command with. Codes are stable: scripts match on them. */
const codes: Readonly<Record<ErrorCode, number>> = {
  USAGE: exitCodes.usage,
  POLICY_INVALID: exitCodes.usage,
  PATH_NOT_VISIBLE: exitCodes.usage,
  HOST_CANNOT: exitCodes.hostCannot,
  NATIVE_MISSING: exitCodes.hostCannot,
  REFUSED: exitCodes.refused,
  TOOL_ERROR: exitCodes.toolError,
  TIMED_OUT: exitCodes.timedOut,
  NOT_STARTED: exitCodes.notStarted,
  NOT_EXECUTABLE: exitCodes.notExecutable,
  NOT_FOUND: exitCodes.notFound,
  CHANNEL_LOST: exitCodes.failed,
  AUDIT_UNWRITABLE: exitCodes.failed,
  AUDIT_TAMPERED: exitCodes.failed,
  FAILED: exitCodes.failed,
  INTERNAL: exitCodes.failed,
}

/**
 * The one error class. `message` says what failed, on what and why, without a secret in it;
 * `fix` is the next thing to do, one line. Local codes never reach the protocol's wire.
 */
export class GloveboxError extends Error {
  readonly code: ErrorCode
  readonly fix: string | undefined
  override readonly name: string = 'GloveboxError'

  constructor(code: ErrorCode, message: string, options: { fix?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.fix = options.fix
  }

  get exitCode(): number {
    return codes[this.code]
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
