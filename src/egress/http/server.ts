import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { createAgents, type Agents } from './agents.ts'
import { forward, NotDialed, refuse, type HttpFlow } from './forward.ts'
import { endWith, refusalBody, refusalMessage } from './refusal.ts'
import { forwardUpgrade } from './upgrade.ts'

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
  /** A request was refused: what follows it on the connection is not looked at. */
  closing: boolean
}

/** Requests that a program may send before it has the answer to the first (apt sends 10): each may cost a connection. */
const maxOutstanding = 32

export function createHttpServer(): HttpServer {
  const served = new WeakMap<object, Served>()
  const streams = new Set<Duplex>()
  const server = createServer({
    // All of what llhttp can be strict about.
    insecureHTTPParser: false,
    // checkHead says it in its own words.
    requireHostHeader: false,
    maxHeaderSize: 64 * 1024,
    // A body may take as long as it takes: the limit on idle connections is for those that stand still.
    requestTimeout: 0,
    keepAliveTimeout: 60_000,
  })
  // A program may end its side behind its last request and still wait for the answer; in no manual, and in Node since 0.6.
  Object.assign(server, { httpAllowHalfOpen: true })
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const connection = served.get(request.socket)
    if (connection === undefined) return void response.destroy()
    if (connection.closing) return undefined
    connection.outstanding += 1
    if (connection.outstanding > maxOutstanding) {
      connection.flow.onRefused(connection.flow.origin, tooMany)
      return void request.socket.destroy()
    }
    response.once('close', () => (connection.outstanding -= 1))
    response.on('error', () => response.destroy())
    void forward(connection.flow, connection.agents, request, response)
    return undefined
  }
  server.on('request', handle)
  // The server is asked whether it wants the body, and its answer is passed on.
  server.on('checkContinue', handle)
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const { flow, closing = true } = served.get(request.socket) ?? {}
    if (closing) return void response.destroy()
    flow?.onRefused(flow.origin, unknownExpectation)
    return refuse(response, 417, unknownExpectation)
  })
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const connection = served.get(stream)
    if (connection === undefined || connection.closing) return void stream.destroy()
    if (head.length > 0) stream.unshift(head)
    void forwardUpgrade(connection.flow, connection.agents, request, stream)
    return undefined
  })
  server.on('connect', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const { flow, onConnect, closing = true } = served.get(stream) ?? {}
    if (closing) return void stream.destroy()
    if (onConnect !== undefined) return onConnect(request, stream, head)
    flow?.onRefused(flow.origin, noProxy)
    return endWith(stream, refusalMessage(405, refusalBody(noProxy)))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, stream: Duplex) => {
    const flow = served.get(stream)?.flow
    // llhttp's errors; others are of the connection, or of a program that stopped in the middle.
    const read = error.code?.startsWith('HPE_') === true && error.code !== 'HPE_INVALID_EOF_STATE'
    if (!read || !stream.writable || flow === undefined) return void stream.destroy()
    flow.onRefused(flow.origin, malformed)
    endWith(
      stream,
      refusalMessage(400, 'glovebox refused this: an HTTP request that cannot be read (network.protocol)\n'),
    )
  })
  return {
    serve(stream, flow, onConnect) {
      // Requests of one piece are read before anything else happens: a refusal has to stand at once.
      const watched: HttpFlow = {
        ...flow,
        // Requests that waited for a connection when the program went.
        dial: async (target) => (stream.destroyed ? Promise.reject(new NotDialed(programGone)) : flow.dial(target)),
        onRefused(target, why) {
          connection.closing = true
          flow.onRefused(target, why)
        },
      }
      const agents = createAgents(watched.dial)
      const connection: Served = { flow: watched, agents, onConnect, outstanding: 0, closing: false }
      streams.add(stream)
      stream.once('close', () => {
        streams.delete(stream)
        agents.destroy()
      })
      stream.on('error', () => stream.destroy())
      served.set(stream, connection)
      server.emit('connection', stream)
    },
    close() {
      server.close()
      for (const stream of streams) stream.destroy()
    },
  }
}

const programGone = { kind: 'failed', rule: 'network', reason: 'the program has gone' } as const

const refused = (reason: string) => ({ kind: 'refused', rule: 'network.protocol', reason }) as const

const tooMany = refused('too many HTTP requests that do not wait for an answer')
const unknownExpectation = refused('an expectation that nobody knows')
const noProxy = refused('CONNECT is for proxies')

const malformed = {
  kind: 'refused',
  rule: 'network.protocol',
  reason: 'an HTTP request that cannot be read in one way only',
} as const
