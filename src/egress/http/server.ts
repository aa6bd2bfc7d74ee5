import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { createAgents, forward, refuse, type Agents, type HttpFlow } from './forward.ts'
import { refusalMessage } from './refusal.ts'
import { forwardUpgrade, isWebSocket } from './upgrade.ts'

/** Serves programs that speak HTTP/1, over whatever carries their bytes. */
export interface HttpServer {
  /** `onConnect`: for CONNECT, where the stream is a proxy's. */
  serve(stream: Duplex, flow: HttpFlow, onConnect?: OnConnect): void
  close(): void
}

export type OnConnect = (request: IncomingMessage, stream: Duplex, head: Buffer) => void

interface Served {
  readonly flow: HttpFlow
  readonly agents: Agents
  readonly onConnect: OnConnect | undefined
  outstanding: number
}

/** Requests that a program may send before it has the answer to the first: nobody needs more, and each costs memory. */
const maxOutstanding = 64

export function createHttpServer(): HttpServer {
  const served = new WeakMap<object, Served>()
  const streams = new Set<Duplex>()
  const server = createServer({
    // All of what llhttp can be strict about.
    insecureHTTPParser: false,
    // checkHead says it in its own words.
    requireHostHeader: false,
    maxHeaderSize: 64 * 1024,
    headersTimeout: 60_000,
    // A body may take as long as it takes: the limit on idle connections is for those that stand still.
    requestTimeout: 0,
    keepAliveTimeout: 60_000,
    shouldUpgradeCallback: isWebSocket,
  })
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const connection = served.get(request.socket)
    if (connection === undefined) return void response.destroy()
    connection.outstanding += 1
    if (connection.outstanding > maxOutstanding) return void request.socket.destroy()
    response.once('close', () => (connection.outstanding -= 1))
    response.on('error', () => response.destroy())
    void forward(connection.flow, connection.agents, request, response)
  }
  server.on('request', handle)
  // The server is asked whether it wants the body, and its answer is passed on.
  server.on('checkContinue', handle)
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) =>
    refuse(response, 417, { kind: 'refused', rule: 'network.protocol', reason: 'an expectation that nobody knows' }),
  )
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const connection = served.get(stream)
    if (connection === undefined) return void stream.destroy()
    if (head.length > 0) stream.unshift(head)
    void forwardUpgrade(connection.flow, connection.agents, request, stream)
  })
  server.on('connect', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const onConnect = served.get(stream)?.onConnect
    if (onConnect !== undefined) return onConnect(request, stream, head)
    stream.end(refusalMessage(405, 'glovebox refused this: CONNECT is for proxies (network.protocol)\n'))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, stream: Duplex) => {
    const flow = served.get(stream)?.flow
    // llhttp's errors; others are of the connection, or of a program that stopped in the middle.
    const read = error.code?.startsWith('HPE_') === true && error.code !== 'HPE_INVALID_EOF_STATE'
    if (!read || !stream.writable || flow === undefined) return void stream.destroy()
    flow.onRefused(flow.origin, malformed)
    stream.end(refusalMessage(400, 'glovebox refused this: an HTTP request that cannot be read (network.protocol)\n'))
    // Nothing that follows is looked at.
    stream.resume()
  })
  return {
    serve(stream, flow, onConnect) {
      const agents = createAgents(flow)
      streams.add(stream)
      stream.once('close', () => {
        streams.delete(stream)
        agents.destroy()
      })
      stream.on('error', () => stream.destroy())
      served.set(stream, { flow, agents, onConnect, outstanding: 0 })
      server.emit('connection', stream)
    },
    close() {
      server.close()
      for (const stream of streams) stream.destroy()
    },
  }
}

const malformed = {
  kind: 'refused',
  rule: 'network.protocol',
  reason: 'an HTTP request that cannot be read in one way only',
} as const
