import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { GloveboxError, messageOf } from '../../errors.ts'
import type { PublishedPort } from '../../policy/network.ts'

/** A port of this machine that leads into a sandbox. */
export interface ListeningPort {
  readonly address: string
  readonly port: number
  /** Of the sandbox. */
  readonly inside: number
}

export interface Listener extends ListeningPort {
  /** Takes nobody any more, and frees the port. */
  close(): Promise<void>
}

/**
 * Listens; who connects waits in the system's queue until `onSocket` is there for it.
 * @throws GloveboxError NOT_STARTED naming the port, when somebody else has it
 */
export async function listen(
  { address, hostPort, port: inside }: PublishedPort,
  onSocket: (socket: Socket, at: ListeningPort) => void,
): Promise<Listener> {
  // Half-open: a client that has sent all its questions still waits for answers.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  const port = await bound(server, address, hostPort)
  const at = { address, port, inside }
  server.on('connection', (socket: Socket) => onSocket(socket, at))
  // EMFILE and its like, of one connection: it is closed by the system, the next may fare better.
  server.on('error', () => undefined)
  return {
    ...at,
    close: async () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
      }),
  }
}

async function bound(server: Server, host: string, port: number): Promise<number> {
  const listening = Promise.withResolvers<void>()
  server.once('error', listening.reject)
  server.listen({ host, port, backlog: 128, exclusive: true }, () => listening.resolve())
  try {
    await listening.promise
  } catch (error) {
    throw notListening(error, host, port)
  } finally {
    server.off('error', listening.reject)
  }
  const { port: chosen } = server.address() as AddressInfo
  return chosen
}

function notListening(cause: unknown, host: string, port: number): GloveboxError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const where = `port ${port} of ${host}`
  if (code === 'EADDRINUSE') {
    return new GloveboxError('NOT_STARTED', `network.publish: ${where} is taken by another program`, {
      cause,
      fix: `see which: ss -ltnp 'sport = :${port}'; or publish on another port, or on 0 for one that is free`,
    })
  }
  if (code === 'EACCES') {
    return new GloveboxError('NOT_STARTED', `network.publish: ${where} may not be listened on by this user`, {
      cause,
      fix: 'choose a port above 1023, or 0 for one that is free',
    })
  }
  return new GloveboxError('NOT_STARTED', `network.publish: ${where}: ${messageOf(cause)}`, {
    cause,
    fix: 'choose another address or port',
  })
}
