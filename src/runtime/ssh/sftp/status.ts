import { GloveboxError } from '../../../errors.ts'
import { statusOf } from '../../../inside/failure.ts'
import { grpcStatus } from '../../../protocol/inside/grpc.ts'

/** Of SSH_FXP_STATUS (draft-ietf-secsh-filexfer-02, 7). */
export const sftpStatus = {
  ok: 0,
  end: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  unsupported: 8,
} as const

/** Why a request is answered with something else than what it asked for. */
export class SftpRefusal extends Error {
  readonly status: number

  constructor(status: number, text: string) {
    super(text)
    this.status = status
  }
}

const ofCalls: Readonly<Record<number, number>> = {
  [grpcStatus.notFound]: sftpStatus.noSuchFile,
  [grpcStatus.permissionDenied]: sftpStatus.permissionDenied,
  [grpcStatus.unimplemented]: sftpStatus.unsupported,
}

/** The code and the text that a client is told; an error of another kind is a mistake of ours and thrown on. */
export function refusalOf(error: unknown): { status: number; text: string } {
  if (error instanceof SftpRefusal) return { status: error.status, text: error.message }
  if (!(error instanceof GloveboxError)) throw error
  return { status: ofCalls[statusOf(error) ?? -1] ?? sftpStatus.failure, text: error.message }
}
