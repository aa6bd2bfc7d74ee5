import { request, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex, Transform } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import type { Refusal } from '../record/book.ts'
import { codeOf } from '../route.ts'
import type { Target } from '../rules.ts'
import type { Agents } from './agents.ts'
import { hostHeader } from './authority.ts'
import { checkHead, type RequestHead } from './head.ts'
import { asTrailers, endToEnd, flat, pairsOf, type Header } from './headers.ts'
import { refusalBody } from './refusal.ts'

/** Whom the requests of one connection are for, and how to get there. */
export interface HttpFlow {
  /** Undefined on a proxy's connection, where each request says it. */
  readonly origin: Target | undefined
  readonly secure: boolean
  /** What the request was for, in our own words: a synthetic address is its name. Undefined: it stands for nothing. */
  readonly meant: (target: Target) => Target | undefined
  /** A new connection, checked and recorded. Rejects with NotDialed. */
  readonly dial: (target: Target) => Promise<Duplex>
  /** The value of Proxy-Authorization, where the connection leads to a proxy that is sent whole requests. */
  readonly throughProxy: (target: Target) => { readonly authorization: string | undefined } | undefined
  /** A request that is refused before anything is connected to. */
  readonly onRefused: (target: Target | undefined, why: Refusal) => void
  readonly onRequest: OnRequest | undefined
}

/** May change a request before it goes out, or refuse it: where credentials are put in. */
export type OnRequest = (head: RequestHead) => Promise<Changed | Refusal>

export interface Changed {
  readonly head: RequestHead
  /** What the body goes through; of the same length, where the head says how long it is. */
  readonly body?: Transform | undefined
  /** Looks at what stands behind the body (RFC 9112, 7.1.2), and says why it goes no further; undefined where it does. */
  readonly trailers?: ((trailers: readonly Header[]) => BodyRefused | undefined) | undefined
  readonly answer?: Through | undefined
}

/** What an answer goes through before the program has it. */
export interface Through {
  /** Headers, trailers, and the phrase of the status line under no name. */
  readonly headers: (headers: readonly Header[]) => readonly Header[]
  /** Of the same length. */
  readonly body: () => Transform
}

/** There is no connection to forward over. */
export class NotDialed extends Error {
  readonly why: Refusal

  constructor(why: Refusal) {
    super(why.reason)
    this.why = why
  }
}

/** What a body goes through has refused it. */
export class BodyRefused extends NotDialed {}

/** Forwards one request, and its answer. Never rejects: what goes wrong ends the exchange. */
export async function forward(
  flow: HttpFlow,
  agents: Agents,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const outcome = await prepare(flow, incoming)
    if ('kind' in outcome) return refuse(response, outcome.status, outcome)
    await answer(await exchange(flow, agents, outcome, incoming, response), response, outcome.answer)
  } catch (error) {
    if (response.headersSent) response.destroy()
    else if (error instanceof NotDialed) refuse(response, error.why.kind === 'refused' ? 403 : 502, error.why)
    else refuse(response, 502, { kind: 'failed', rule: 'network', reason: 'the server did not answer' })
  }
}

async function exchange(
  flow: HttpFlow,
  agents: Agents,
  changed: Changed,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<IncomingMessage> {
  const framing = framingOf(incoming)
  const outgoing = startRequest(flow, agents, changed.head, framing)
  outgoing.once('continue', () => response.writeContinue())
  response.once('close', () => {
    if (!response.writableFinished) outgoing.destroy()
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve)
    outgoing.on('error', reject)
  })
  if (framing === 'none') {
    incoming.resume()
    outgoing.end()
    try {
      return await answered
    } catch (error) {
      // It was closed by the server while it waited for this request, which then nobody has read (RFC 9112, 9.3.1).
      const again = outgoing.reusedSocket && codeOf(error) === 'ECONNRESET' && !response.destroyed
      if (!again) throw error
      return exchange(flow, { ...agents, kept: agents.fresh }, changed, incoming, response)
    }
  }
  // A server may answer, and close, before it has read all of a body: what counts is whether there is an answer.
  const { body } = changed
  // Before the body ends, and with it the request.
  incoming.once('end', () => {
    const trailers = asTrailers(incoming.rawTrailers)
    const stray = changed.trailers?.(trailers)
    if (stray !== undefined) (body ?? outgoing).destroy(stray)
    else if (trailers.length > 0) outgoing.addTrailers(trailers)
  })
  const sent = body === undefined ? pipeline(incoming, outgoing) : sendThrough(incoming, body, outgoing)
  const refused = new Promise<never>((_, reject) => {
    sent.catch((error: unknown) => {
      if (!(error instanceof BodyRefused)) return
      flow.onRefused(changed.head.to, error.why)
      reject(error)
    })
  })
  return Promise.race([answered, refused])
}

/** The program's own end is left open: it is told why its request goes no further. */
async function sendThrough(incoming: IncomingMessage, body: Transform, outgoing: ClientRequest): Promise<void> {
  incoming.once('close', () => {
    if (!incoming.complete) body.destroy(new Error('the program went away'))
  })
  body.once('error', () => {
    incoming.unpipe(body)
    // What follows is not looked at.
    incoming.resume()
  })
  incoming.pipe(body)
  await pipeline(body, outgoing)
}

/** The request as it goes out, or why it does not. */
export async function prepare(
  flow: HttpFlow,
  incoming: IncomingMessage,
): Promise<Changed | (Refusal & { readonly status: number })> {
  const { method = '', url = '', httpVersion: version, rawHeaders } = incoming
  const checked = checkHead({ method, url, version, rawHeaders }, flow)
  if ('status' in checked) {
    const why = { kind: 'refused', rule: checked.rule, reason: checked.reason } as const
    flow.onRefused(flow.origin, why)
    return { ...why, status: checked.status }
  }
  const to = flow.meant(checked.to)
  if (to === undefined) {
    const why = { kind: 'refused', rule: 'network.unknown-address', reason: 'no name has this address' } as const
    flow.onRefused(checked.to, why)
    return { ...why, status: 403 }
  }
  if (!flow.secure && 'name' in to && to.port === 443) {
    // A proxy can be asked for it; connections of the program's own are looked at before (`judgeFirstBytes`).
    const reason = 'a request in the clear for port 443, which is for TLS'
    const why = { kind: 'refused', rule: 'network.protocol', reason } as const
    flow.onRefused(to, why)
    return { ...why, status: 403 }
  }
  const headers = endToEnd(pairsOf(rawHeaders)).filter(([name]) => name.toLowerCase() !== 'host')
  const head: RequestHead = { method, path: checked.path, headers, to, secure: flow.secure }
  if (flow.onRequest === undefined) return { head }
  const changed = await flow.onRequest(head)
  if (!('kind' in changed)) return changed
  flow.onRefused(to, changed)
  return { ...changed, status: 403 }
}

/** How the body is told apart from what follows it. */
type Framing = 'none' | 'length' | 'chunked'

function framingOf({ headers }: IncomingMessage): Framing {
  if (headers['transfer-encoding'] !== undefined) return 'chunked'
  return headers['content-length'] === undefined ? 'none' : 'length'
}

export function startRequest(
  flow: HttpFlow,
  { kept, fresh }: Agents,
  { method, path, headers, to, secure }: RequestHead,
  framing: Framing,
  hop: readonly Header[] = [],
): ClientRequest {
  const proxy = flow.throughProxy(to)
  const host = hostHeader(to, secure ? 443 : 80)
  const lines: Header[] = [['Host', host], ...headers, ...hop]
  if (framing === 'chunked') lines.push(['Transfer-Encoding', 'chunked'])
  // Without it Node would send the empty body of a POST as chunks, which not every server takes.
  if (framing === 'none' && !['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE'].includes(method))
    lines.push(['Content-Length', '0'])
  if (proxy?.authorization !== undefined) lines.push(['Proxy-Authorization', proxy.authorization])
  // Others may be done twice when a connection that was kept ends while they are under way (RFC 9110, 9.2.2).
  const safe = ['GET', 'HEAD', 'OPTIONS', 'TRACE']
  return request({
    method,
    path: proxy === undefined ? path : `http://${host}${path === '*' ? '' : path}`,
    headers: flat(lines),
    setHost: false,
    agent: framing === 'none' && safe.includes(method) ? kept : fresh,
    // Node's own type does not know that an agent gets what it is given.
    ...({ target: to } as object),
  })
}

async function answer(from: IncomingMessage, response: ServerResponse, through: Through | undefined): Promise<void> {
  response.sendDate = false
  const seen = (headers: Header[]): readonly Header[] => through?.headers(headers) ?? headers
  const [[, phrase] = []] = seen([['', from.statusMessage ?? '']])
  response.writeHead(from.statusCode ?? 502, phrase, flat(seen(endToEnd(pairsOf(from.rawHeaders)))))
  from.once('end', () => {
    if (from.rawTrailers.length > 0) response.addTrailers(asTrailers(flat(seen(pairsOf(from.rawTrailers)))))
  })
  if (through === undefined) await send(from, response)
  else await pipeline(from, through.body(), response)
}

/** As pipeline() does it, without what that makes for each answer: an AbortController, and an error to end it with. */
async function send(from: IncomingMessage, response: ServerResponse): Promise<void> {
  from.pipe(response)
  try {
    await Promise.all([finished(from), finished(response)])
  } catch (error) {
    from.destroy()
    throw error
  }
}

export function refuse(response: ServerResponse, status: number, why: Refusal): void {
  const body = refusalBody(why)
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  })
  response.end(body)
}
