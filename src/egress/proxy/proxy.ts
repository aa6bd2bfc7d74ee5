import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { synthetic } from '../../policy/network.ts'
import { parseAuthority } from '../http/authority.ts'
import type { HttpFlow } from '../http/forward.ts'
import { endWith, refusalBody, refusalMessage } from '../http/refusal.ts'
import type { HttpServer } from '../http/server.ts'
import type { Refusal } from '../record/book.ts'
import type { Reply } from '../connect/stream-incoming.ts'
import type { Target } from '../rules.ts'
import { encodeReply, readGreeting, readRequest, socks4Rejection, version4, version5, type SocksStep } from './socks.ts'

export interface ProxyOptions {
  readonly http: HttpServer
  readonly flow: HttpFlow
  /** Carries a tunnel's bytes, once it is decided about; says through `reply` what came of it. */
  readonly tunnel: (stream: Duplex, target: Target, reply: Reply) => void
  readonly onRefused: (target: Target, why: Refusal) => void
}

/** A proxy's client that says nothing for so long is not one. */
const greetingMs = 30_000

/** Serves a connection to the sandbox's proxy: which kind it is, its first byte says. */
export function serveProxy(stream: Duplex, options: ProxyOptions): void {
  stream.on('error', () => stream.destroy())
  const timer = setTimeout(() => stream.destroy(), greetingMs)
  stream.once('close', () => clearTimeout(timer))
  void read(stream, (bytes) => bytes.length > 0).then((first) => {
    clearTimeout(timer)
    if (first === undefined) return void stream.destroy()
    stream.unshift(first)
    if (first[0] === version5) return void serveSocks(stream, options)
    if (first[0] === version4) {
      options.onRefused(nowhere, {
        kind: 'refused',
        rule: 'network.protocol',
        reason: 'SOCKS4, where SOCKS5 is spoken',
      })
      return endWith(stream, socks4Rejection)
    }
    return options.http.serve(stream, options.flow, (request, opened, head) =>
      serveConnect(request, opened, head, options),
    )
  })
}

/** What a request was for that named nothing else. */
export const nowhere: Target = { address: synthetic.proxy.address, port: synthetic.proxy.port }

/** RFC 9110, 9.3.6: the target is the host and its port, nothing else. */
function serveConnect({ url = '' }: IncomingMessage, stream: Duplex, head: Buffer, options: ProxyOptions): void {
  stream.on('error', () => stream.destroy())
  const target = parseAuthority(url, undefined)
  if (target === undefined) {
    const why = { kind: 'refused', rule: 'network.protocol', reason: 'CONNECT to what is no host with a port' } as const
    options.onRefused(nowhere, why)
    return endWith(stream, refusalMessage(400, refusalBody(why)))
  }
  if (head.length > 0) stream.unshift(head)
  options.tunnel(stream, target, {
    ready: () => void stream.write('HTTP/1.1 200 Connection established\r\n\r\n'),
    refused: (why) => endWith(stream, refusalMessage(why.kind === 'refused' ? 403 : 502, refusalBody(why))),
  })
}

async function serveSocks(stream: Duplex, options: ProxyOptions): Promise<void> {
  const greeting = await step(stream, readGreeting)
  if (greeting?.kind === 'greeted') stream.write(greeting.reply)
  const request = greeting?.kind === 'greeted' ? await step(stream, readRequest) : greeting
  if (request?.kind === 'connect') {
    return options.tunnel(stream, request.target, {
      ready: () => void stream.write(encodeReply('granted')),
      refused: ({ kind }) => endWith(stream, encodeReply(kind === 'refused' ? 'denied' : 'unreachable')),
    })
  }
  if (request?.kind !== 'refuse') return void stream.destroy()
  options.onRefused(nowhere, { kind: 'refused', rule: 'network.protocol', reason: request.reason })
  endWith(stream, request.reply)
}

/** Reads one message; what came behind it stays in the stream. Undefined: the stream ended before. */
async function step(stream: Duplex, readStep: (bytes: Buffer) => SocksStep): Promise<SocksStep | undefined> {
  let found: SocksStep = { kind: 'more' }
  const bytes = await read(stream, (held) => {
    found = readStep(held)
    return found.kind !== 'more'
  })
  if (bytes === undefined) return undefined
  const taken = 'bytes' in found ? (found as { readonly bytes: number }).bytes : bytes.length
  if (taken < bytes.length) stream.unshift(bytes.subarray(taken))
  return found
}

/** All bytes until they are enough; undefined when the stream ends before. */
async function read(stream: Duplex, isEnough: (bytes: Buffer) => boolean): Promise<Buffer | undefined> {
  let held = Buffer.alloc(0)
  return new Promise((resolve) => {
    const settle = (bytes: Buffer | undefined): void => {
      stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd)
      resolve(bytes)
    }
    const onEnd = (): void => settle(undefined)
    const onReadable = (): void => {
      const chunk = stream.read() as Buffer | null
      if (chunk === null) return
      held = Buffer.concat([held, chunk])
      if (isEnough(held)) settle(held)
    }
    stream.on('readable', onReadable).on('end', onEnd).on('close', onEnd)
    if (stream.destroyed || stream.readableEnded) settle(undefined)
  })
}
