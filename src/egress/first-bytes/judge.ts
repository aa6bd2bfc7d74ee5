import { readClientHello } from './client-hello.ts'
import { httpStart } from './http-start.ts'

export type Finding =
  | { readonly is: 'more' | 'pass' | 'http' }
  /** `rule`: what it is called in the record. `reason`: one sentence, with nothing in it that the program wrote but names. */
  | { readonly is: 'refuse'; readonly rule: string; readonly reason: string }

/** What may be looked at is limited on both sides of the link (`egress-link.ts`). */
export const maxFirstBytes: number = 16 * 1024

/**
 * What a connection to a name says first must be for that name: a name that is shared by many on one address (a front) would
 * else open all of them. TLS says whom it wants in its hello, HTTP in each request, so HTTP is gone through request by request.
 */
export function judgeFirstBytes(first: Buffer, end: boolean, { name, port }: { name: string; port: number }): Finding {
  // A program that ends without a word asks nobody for anything.
  if (first.length === 0) return { is: end ? 'pass' : 'more' }
  const found = first[0] === tlsRecord ? judgeHello(first, name, port) : judgeClear(first, end, port)
  if (found.is !== 'more') return found
  if (end) return port === 443 || port === 80 || first[0] === tlsRecord ? cutOff : { is: 'pass' }
  return first.length >= maxFirstBytes ? tooLong : found
}

const tlsRecord = 22
const protocol = 'network.protocol'

function judgeHello(first: Buffer, name: string, port: number): Finding {
  if (port === 80) return refuse(protocol, 'TLS on port 80, which is for HTTP')
  const hello = readClientHello(first)
  if (hello.kind === 'more') return { is: 'more' }
  if (hello.kind === 'malformed') return refuse(protocol, `TLS that cannot be read: ${hello.why}`)
  if (hello.name === undefined) return refuse('network.sni', `TLS that does not say that it is for ${name}`)
  if (hello.name !== name) return refuse('network.sni', `TLS for ${hello.name} on a connection to ${name}`)
  // The name in the clear is then not the one that counts, and noise that looks like it cannot be told apart.
  if (hello.hidden) return refuse('network.ech', 'TLS with an encrypted ClientHello, which may be for any name')
  return { is: 'pass' }
}

function judgeClear(first: Buffer, end: boolean, port: number): Finding {
  if (port === 443) return refuse(protocol, 'something other than TLS on port 443')
  const start = httpStart(first)
  if (start === 'http') return { is: 'http' }
  if (start === 'http2') return refuse(protocol, 'HTTP/2 in the clear, of which not every request can be checked')
  if (start === 'mistakable') return refuse(protocol, 'RTSP or ICE, which servers of HTTP may take for a request')
  if (start === 'more' && !end) return { is: 'more' }
  return port === 80 ? refuse(protocol, 'something other than HTTP on port 80') : { is: 'pass' }
}

function refuse(rule: string, reason: string): Finding {
  return { is: 'refuse', rule, reason }
}

const cutOff = refuse(protocol, 'a beginning that ends before it says whom it is for')
const tooLong = refuse(protocol, 'more than 16 KiB that do not say whom they are for')
