import type { Duplex } from 'node:stream'
import { GloveboxError } from '../errors.ts'
import { grpcStatus } from '../protocol/inside/grpc.ts'
import { helloCalls, statsCalls, type HelloReply, type StatsReply } from '../protocol/inside/v1.ts'
import type { Caps } from './caps.ts'
import { openConnection, type Connection } from './connection.ts'
import { lost, statusOf } from './failure.ts'

/** The protocol that this version speaks. */
export const protocol = 1

/** A connection that has said hello. */
export interface Inside {
  readonly hello: HelloReply
  readonly connection: Connection
  /** @throws GloveboxError */
  stats(): Promise<StatsReply>
  close(): void
}

/**
 * The first call on a stream: both sides agree on a version, or part.
 * @throws GloveboxError HOST_CANNOT for an inside of another version, CHANNEL_LOST for one that is none
 */
export async function openInside(duplex: Duplex, caps?: Caps): Promise<Inside> {
  const connection = await openConnection(duplex, caps)
  try {
    const hello = await connection.unary(helloCalls.hello, { oldest: protocol, newest: protocol }).catch(otherVersion)
    if (hello.protocol !== protocol) throw lost(`it answers in protocol ${hello.protocol}, which nobody offered`)
    if (hello.instance.length !== 16) throw lost('its instance is not 16 bytes')
    return {
      hello,
      connection,
      stats: async () => connection.unary(statsCalls.read, {}),
      close: () => connection.close(),
    }
  } catch (error) {
    connection.close()
    throw error
  }
}

function otherVersion(error: unknown): never {
  if (statusOf(error) !== grpcStatus.failedPrecondition) throw error
  throw new GloveboxError(
    'HOST_CANNOT',
    'the sandbox was started by another version of Glovebox, with another protocol',
    {
      cause: error,
      fix: 'start it anew with this version',
    },
  )
}
