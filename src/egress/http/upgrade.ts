import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { join } from '../connect/dial.ts'
import type { Agents } from './agents.ts'
import { NotDialed, prepare, startRequest, type HttpFlow, type Through } from './forward.ts'
import { endToEnd, pairsOf, type Header } from './headers.ts'
import { endWith, refusalBody, refusalMessage } from './refusal.ts'

/**
 * A request that asks for another protocol on its connection. A WebSocket (RFC 6455) is a request as any other, and once the
 * server agrees, a connection of its own. Any other wish goes unheard, as a server may leave it (RFC 9110, 7.8): HTTP/2 in
 * the clear above all, whose requests would go unchecked. Never rejects.
 */
export async function forwardUpgrade(
  flow: HttpFlow,
  agents: Agents,
  incoming: IncomingMessage,
  inside: Duplex,
): Promise<void> {
  inside.on('error', () => inside.destroy())
  try {
    const outcome = hasBody(incoming) ? refusedBody(flow) : await prepare(flow, incoming)
    if ('kind' in outcome) return end(inside, outcome.status, refusalBody(outcome))
    const hop: Header[] = isWebSocket(incoming) ? upgrade : []
    const outgoing = startRequest(flow, { ...agents, kept: agents.fresh }, outcome.head, 'none', hop)
    inside.once('close', () => outgoing.destroy())
    outgoing.end()
    const found = await new Promise<Upgraded | IncomingMessage>((resolve, reject) => {
      if (hop.length > 0) outgoing.once('upgrade', (response, outside, head) => resolve({ response, outside, head }))
      outgoing.once('response', resolve)
      outgoing.on('error', reject)
    })
    if (!('outside' in found)) return await passAnswer(found, inside, outcome.answer)
    const { response, outside, head } = found
    const seen = seenThrough(outcome.answer)
    inside.write(headOf(response, seen, [...hop, ...seen(endToEnd(pairsOf(response.rawHeaders)))]))
    if (head.length > 0) outside.unshift(head)
    await join(inside, outside)
  } catch (error) {
    const why = error instanceof NotDialed ? error.why : noAnswer
    end(inside, why.kind === 'refused' ? 403 : 502, refusalBody(why))
  }
}

const upgrade: Header[] = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
]

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.trim().toLowerCase() === 'websocket'
}

/** Node reads no body of a request that asks for an upgrade. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

interface Upgraded {
  readonly response: IncomingMessage
  readonly outside: Duplex
  readonly head: Buffer
}

const withBody = {
  kind: 'refused',
  status: 403,
  rule: 'network.protocol',
  reason: 'a request for an upgrade that has a body',
} as const

function refusedBody(flow: HttpFlow): typeof withBody {
  flow.onRefused(flow.origin, withBody)
  return withBody
}

const noAnswer = { kind: 'failed', rule: 'network', reason: 'the server did not answer' } as const

/** The server does not agree: its answer ends with the connection, so that one that is broken off is a reset. */
async function passAnswer(response: IncomingMessage, inside: Duplex, through: Through | undefined): Promise<void> {
  const all = endToEnd(pairsOf(response.rawHeaders)).filter(([name]) => name.toLowerCase() !== 'content-length')
  const seen = seenThrough(through)
  inside.resume()
  inside.write(headOf(response, seen, [...seen(all), ['Connection', 'close']]))
  try {
    await (through === undefined ? pipeline(response, inside) : pipeline(response, through.body(), inside))
  } catch {
    // Whoever of the two has gone: the head is out already, so the reset is all that can be told.
    inside.destroy()
  }
}

/** What of an answer the program gets to see; the phrase of the status line stands under no name. */
type Seen = (headers: readonly Header[]) => readonly Header[]

function seenThrough(through: Through | undefined): Seen {
  return (headers) => through?.headers(headers) ?? headers
}

function headOf({ statusCode = 502, statusMessage }: IncomingMessage, seen: Seen, headers: readonly Header[]): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`)
  const [[, phrase] = []] = seen([['', statusMessage ?? STATUS_CODES[statusCode] ?? '']])
  return `HTTP/1.1 ${statusCode} ${phrase}\r\n${lines.join('')}\r\n`
}

function end(inside: Duplex, status: number, body: string): void {
  if (inside.destroyed) return
  endWith(inside, refusalMessage(status, body))
}
