import { GloveboxError, type ErrorCode } from '../errors.ts'
import { grpcStatus } from '../protocol/inside/grpc.ts'
import { untrusted } from '../ui/untrusted.ts'

/** How a call ended that the inside did not end well: the cause of the error that a person sees. */
export class CallStatus extends Error {
  readonly status: number

  constructor(status: number, text: string) {
    super(text)
    this.status = status
  }
}

const codes: Readonly<Record<number, ErrorCode>> = {
  [grpcStatus.deadlineExceeded]: 'TIMED_OUT',
  [grpcStatus.permissionDenied]: 'REFUSED',
  [grpcStatus.unimplemented]: 'HOST_CANNOT',
}

/** Calls of people's own verbs, in their words. */
const deeds: Readonly<Record<string, string>> = { TarIn: 'copying in', TarOut: 'copying out' }

/** The inside's own words are untrusted: one line, cut, nothing that a terminal obeys. */
export function callFailed(what: string, status: number, text: string): GloveboxError {
  const words = untrusted(text).slice(0, 500)
  return new GloveboxError(
    codes[status] ?? 'FAILED',
    `${deeds[what] ?? what}: ${words === '' ? `gRPC status ${status}` : words}`,
    {
      cause: new CallStatus(status, words),
    },
  )
}

/** The gRPC status that an error of ours is about; undefined for any other error. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof GloveboxError && error.cause instanceof CallStatus ? error.cause.status : undefined
}

/** The stream to the sandbox is gone, or what came on it is not the protocol. */
export function lost(why: string, cause?: unknown): GloveboxError {
  return new GloveboxError('CHANNEL_LOST', `the connection to the sandbox is lost: ${untrusted(why).slice(0, 500)}`, {
    cause,
    fix: 'see whether it still runs: glovebox status',
  })
}
