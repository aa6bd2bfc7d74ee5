import type { Duplex } from 'node:stream'
import { getSystemErrorName } from 'node:util'
import { readEndpoint, withPort } from '../protocol/endpoint.ts'
import type { Recorder } from '../protocol/facts.ts'
import type { Activity } from '../protocol/jail-status.ts'
import { synthetic } from '../policy/network.ts'
import { defaultDeny, mayAsk } from '../policy/network/decide.ts'
import { dial, type DialOptions } from './connect/dial.ts'
import { createStreamIncoming, type Reply } from './connect/stream-incoming.ts'
import { dialProxy, dialThrough } from './connect/through-proxy.ts'
import { createDatagrams } from './datagrams/serve.ts'
import { serveDnsStream } from './dns/stream.ts'
import { createStub } from './dns/stub.ts'
import { judgeFirstBytes } from './first-bytes/judge.ts'
import { NotDialed, type HttpFlow, type OnRequest } from './http/forward.ts'
import { hostOf } from './http/authority.ts'
import { createHttpServer } from './http/server.ts'
import type { Incoming, Judge } from './incoming.ts'
import { createNames } from './names.ts'
import { nowhere, serveProxy } from './proxy/proxy.ts'
import { createAttribution, type Asker } from './record/attribution.ts'
import { createBook, type Refusal, type Trip } from './record/book.ts'
import { createLookups } from './record/lookups.ts'
import type { ReadTls } from './tls/read-tls.ts'
import { codeOf, createRouter } from './route.ts'
import type { Rules, Target } from './rules.ts'
import type { HostProxy, Upstream } from './upstream.ts'

export interface EngineOptions {
  readonly rules: Rules
  /**
   * Those on which somebody listens inside: a connection to another never gets here, and is known from the supervisor alone.
   * Absent: they all get here.
   */
  readonly ports?: ReadonlySet<number> | undefined
  /** Of these, for datagrams. */
  readonly udpPorts?: ReadonlySet<number> | undefined
  readonly lookup: (name: string) => Promise<readonly string[]>
  readonly upstream: Upstream
  readonly record: Recorder
  /** Something could not be recorded: what it was about does not happen, and the sandbox is to be ended. */
  readonly onFailure: (error: unknown) => void
  readonly dial: DialOptions
  /** As many connections are made here at once: a program's one can ask for several, which the relay does not count. */
  readonly connections: number
  readonly onRequest?: OnRequest | undefined
  /** Told of a connection to a name that no rule has, before it is decided; it is decided when this has settled. */
  readonly ask?: ((wish: { name: string; port: number; process: Asker | null }) => Promise<unknown>) | undefined
  /** For hosts that a secret is bound to. */
  readonly readTls?: ReadTls | undefined
}

/** Everything that is decided about the network of one sandbox, whatever carries its connections. */
export interface Engine {
  serve(incoming: Incoming): void
  /** Datagrams from one socket of a program's to one place. */
  serveDatagrams(incoming: Incoming): void
  /** One more than there may be, which was reset. */
  refuseTooMany(place: { readonly address: string; readonly port: number; readonly udp?: true }): void
  /** To a datagram for the resolver. Empty: none. */
  answer(query: Buffer): Buffer
  /** The supervisor saw a program on its way. */
  onConnect(activity: Pick<Activity, 'pid' | 'program' | 'address' | 'count'> & { readonly rule?: string }): void
  /** It saw one send a datagram, or (`isOnlyRoute`) make a socket ready for some that may never come. */
  onDatagram(activity: Pick<Activity, 'pid' | 'program' | 'address' | 'count'>, isOnlyRoute: boolean): void
  close(): void
}

export function createEngine(options: EngineOptions): Engine {
  const { rules, record, onFailure, upstream } = options
  const names = createNames()
  const attribution = createAttribution()
  const senders = createAttribution()
  const book = createBook(record, onFailure)
  const route = createRouter(options)
  const http = createHttpServer()
  const lookups = createLookups(record)
  const datagrams = createDatagrams({
    book,
    route,
    meant,
    most: options.connections,
    dial: options.dial,
    tooMany: tooManyConnections,
    unknownAddress,
  })
  let own = 0
  const dialHttp = { ...options.dial, halfOpen: false }
  const stub = createStub({
    names,
    resolves: rules.resolves,
    onRefused: (lookup) => lookups({ process: attribution.last(synthetic.resolver, 53), ...lookup }),
  })

  function answer(query: Buffer): Buffer {
    try {
      return stub(query)
    } catch (error) {
      onFailure(error)
      return Buffer.alloc(0)
    }
  }

  async function serve(incoming: Incoming): Promise<void> {
    const { address, port } = incoming
    const asker = await soon(() => attribution.take(address, port))
    if (address === synthetic.resolver && port === 53) return serveDnsStream(await incoming.hand(), answer)
    if (address === synthetic.proxy.address && port === synthetic.proxy.port) {
      const stream = await incoming.hand()
      resetWith(incoming, stream)
      return openProxy(stream, asker)
    }
    return carry(incoming, { address, port }, asker)
  }

  /** What the supervisor saw comes by another way, and may come a moment later. */
  async function soon(find: () => Asker | null): Promise<Asker | null> {
    const known = find()
    if (known !== null) return known
    await new Promise((resolve) => setImmediate(resolve))
    return find()
  }

  async function serveDatagrams(incoming: Incoming): Promise<void> {
    return datagrams(incoming, await soon(() => senders.last(incoming.address, incoming.port)))
  }

  async function carry(incoming: Incoming, asked: Target, asker: Asker | null): Promise<void> {
    const refuse = (target: Target, why: Refusal, at?: string): void => {
      book.refuse(asker, { ...target, at }, why)
      incoming.refuse(why)
    }
    const target = meant(asked)
    if (target === undefined) return refuse(asked, unknownAddress)
    await askAbout(target, asker)
    const decision = rules.decide(target)
    if (decision.allowed && target.port === 80 && 'name' in target) {
      return serveHttp(incoming, await incoming.hand(), target, asker)
    }
    const found = await route(target, { clear: false })
    if (found.kind === 'refused' || found.kind === 'failed') return refuse(target, found, incoming.address)
    const carried = found.kind === 'direct' || incoming.dials ? incoming : await asStream(incoming)
    const addresses = found.kind === 'direct' ? found.addresses : []
    const trip = book.open(asker, target, { rule: found.rule, addresses })
    let isTls = false
    const ended = await carried.connect({
      addresses,
      port: target.port,
      dial: found.kind === 'proxy' ? async () => throughProxy(found.proxy, target) : undefined,
      judge: 'name' in target ? judgeFor(target, trip, () => (isTls = true)) : undefined,
      onConnected: (address) => trip.connected(found.kind === 'direct' ? address : null),
    })
    if (ended.how === 'failed') {
      const why = { kind: 'failed', rule: found.rule, reason: nameOf(ended.errno) } as const
      trip.fail(why.reason)
      return carried.refuse(why)
    }
    if (ended.how === 'closed') return trip.close(ended)
    // Refused ones are in the record already.
    trip.close({ sent: 0, received: 0, reason: ended.how })
    if (ended.how === 'handed' && isTls) await serveTls(carried, ended.stream, target, asker)
    else if (ended.how === 'handed') serveHttp(carried, ended.stream, target, asker)
    else carried.refuse()
  }

  /** The connection waits, its first bytes too, and nothing else does. */
  async function askAbout(target: Target, process: Asker | null): Promise<void> {
    if (options.ask === undefined || !('name' in target)) return
    const { allowed, rule } = rules.decide(target)
    if (!allowed && rule === defaultDeny && mayAsk(target.name)) await options.ask({ ...target, process })
  }

  function serveHttp(incoming: Incoming, stream: Duplex, target: Target, asker: Asker | null): void {
    resetWith(incoming, stream)
    http.serve(stream, flowTo(target, asker))
  }

  /** As if we were the host: requests are then forwarded as those in the clear, over TLS of our own. */
  async function serveTls(incoming: Incoming, stream: Duplex, target: Target, asker: Asker | null): Promise<void> {
    resetWith(incoming, stream)
    try {
      const opened = await options.readTls?.open(stream, target, async () => dialFor(target, asker, false))
      if (opened === undefined) return incoming.refuse()
      const flow = flowTo(target, asker)
      http.serve(opened.program, { ...flow, secure: true, dial: opened.upstream, throughProxy: () => undefined })
    } catch (error) {
      const reason = `its TLS could not be read: ${codeOf(error)}`
      book.refuse(asker, target, { kind: 'refused', rule: 'network.tls', reason })
      incoming.refuse()
    }
  }

  /** An answer that is broken off must not look like one that has ended. */
  function resetWith(incoming: Incoming, stream: Duplex): void {
    stream.once('close', () => {
      if (!stream.writableFinished) incoming.refuse()
    })
  }

  async function asStream(incoming: Incoming): Promise<Incoming> {
    const { address, port } = incoming
    const stream = await incoming.hand()
    resetWith(incoming, stream)
    return createStreamIncoming(stream, { address, port, dial: options.dial, reply: undefined })
  }

  async function throughProxy(proxy: HostProxy, target: Target) {
    return dialThrough(proxy, withPort(hostOf(target), target.port), options.dial)
  }

  function judgeFor(target: { readonly name: string; readonly port: number }, trip: Trip, onTls: () => void): Judge {
    return (first, end) => {
      const found = judgeFirstBytes(first, end, target)
      if (found.is === 'refuse') trip.refuse(found)
      if (found.is === 'pass' && isHello(first) && options.readTls?.reads(target) === true) {
        onTls()
        return 'hand'
      }
      return found.is === 'http' ? 'hand' : found.is
    }
  }

  /** A synthetic address is its name, and undefined where it is nobody's. */
  function meant(target: Target): Target | undefined {
    if ('name' in target) return target
    const { address, port } = target
    const name = names.nameAt(address)
    if (name !== undefined) return { name, port, ...(target.udp === true && { udp: true }) }
    return isSynthetic(address) ? undefined : target
  }

  function flowTo(origin: Target | undefined, asker: Asker | null): HttpFlow {
    return {
      origin,
      secure: false,
      meant,
      dial: async (target) => dialFor(target, asker),
      throughProxy: (target) => upstream.httpProxyFor(target),
      onRefused: (target, why) => book.refuse(asker, target ?? origin ?? nowhere, why),
      onRequest: options.onRequest,
    }
  }

  /** A connection of the host's own, for requests that are forwarded; `clear`: they are not encrypted. */
  async function dialFor(target: Target, asker: Asker | null, clear: boolean = true): Promise<Duplex> {
    await askAbout(target, asker)
    const found = await route(target, { clear })
    if (found.kind === 'refused' || found.kind === 'failed') {
      book.refuse(asker, target, found)
      throw new NotDialed(found)
    }
    if (own >= options.connections) {
      book.refuse(asker, target, tooManyConnections)
      throw new NotDialed(tooManyConnections)
    }
    const addresses = found.kind === 'direct' ? found.addresses : []
    const trip = book.open(asker, target, { rule: found.rule, addresses })
    own += 1
    try {
      const socket =
        found.kind === 'proxy'
          ? await (clear ? dialProxy(found.proxy, dialHttp) : throughProxy(found.proxy, target))
          : await dial(addresses, target.port, dialHttp)
      trip.connected(found.kind === 'direct' ? (socket.remoteAddress ?? null) : null)
      socket.once('close', (failed) => {
        own -= 1
        trip.close({ sent: socket.bytesWritten, received: socket.bytesRead, reason: failed ? 'reset' : 'end' })
      })
      return socket
    } catch (error) {
      own -= 1
      trip.fail(codeOf(error))
      throw new NotDialed({ kind: 'failed', rule: found.rule, reason: `no connection: ${codeOf(error)}` })
    }
  }

  /** A connection to an allowed name, on a port that no rule has: the kernel inside has nobody who listens there. */
  function recordUnheard({ pid, program, address, rule }: Parameters<Engine['onConnect']>[0]): boolean {
    if (options.ports === undefined || rule !== toSyntheticAddress) return false
    return refuseUnheard({ pid, program }, address, options.ports, {})
  }

  function refuseUnheard(
    asker: Asker,
    place: string | undefined,
    heard: ReadonlySet<number>,
    by: Pick<Target, 'udp'>,
  ): boolean {
    const endpoint = readEndpoint(place)
    if (endpoint === undefined) return false
    const { ip: at, port } = endpoint
    const name = names.nameAt(at)
    if (name === undefined || heard.has(port)) return false
    const target = { name, port, ...by }
    const { rule } = rules.decide(target)
    book.refuse(asker, { ...target, at }, { kind: 'refused', rule, reason: 'no rule allows it' })
    return true
  }

  function openProxy(stream: Duplex, asker: Asker | null): void {
    serveProxy(stream, {
      http,
      flow: flowTo(undefined, asker),
      tunnel: (opened, target, reply) => openTunnel(opened, target, reply, asker),
      onRefused: (target, why) => book.refuse(asker, target, why),
    })
  }

  function openTunnel(stream: Duplex, target: Target, reply: Reply, asker: Asker | null): void {
    const address = hostOf(target)
    const incoming = createStreamIncoming(stream, {
      address,
      port: target.port,
      dial: options.dial,
      reply,
    })
    guarded(incoming, carry(incoming, target, asker))
  }

  /** What nobody waits for: a program that has gone meanwhile, or a record that cannot be written. */
  function guarded(incoming: Incoming, work: Promise<void>): void {
    work.catch(() => incoming.refuse())
  }

  return {
    serve: (incoming) => guarded(incoming, serve(incoming)),
    serveDatagrams: (incoming) => guarded(incoming, serveDatagrams(incoming)),
    refuseTooMany(place) {
      const { address, port, udp } = place
      const asker = udp === true ? senders.last(address, port) : attribution.take(address, port)
      book.refuse(asker, meant(place) ?? place, tooManyConnections)
    },
    answer,
    onConnect(activity) {
      if (!recordUnheard(activity)) attribution.onConnect(activity)
    },
    onDatagram(activity, isOnlyRoute) {
      const { pid, program, address } = activity
      const { udpPorts } = options
      const isRefused =
        !isOnlyRoute && udpPorts !== undefined && refuseUnheard({ pid, program }, address, udpPorts, { udp: true })
      if (!isRefused) senders.onConnect(activity)
    },
    close() {
      http.close()
      book.close()
    },
  }
}

/** RFC 8446, 5.1: a record of the handshake. */
function isHello(first: Buffer): boolean {
  return first[0] === 22
}

/** The supervisor's word for a stream to an address that stands for a name; datagrams to one only ask for a route. */
const toSyntheticAddress = 'network.egress'

const tooManyConnections: Refusal = {
  kind: 'refused',
  rule: 'network.limits.connections',
  reason: 'there are as many connections as there may be',
}

const unknownAddress: Refusal = {
  kind: 'refused',
  rule: 'network.unknown-address',
  reason: 'no name was given this address',
}

function nameOf(errno: number): string {
  return errno === 0 ? 'it was given up' : getSystemErrorName(-errno)
}

/** Of the ranges that stand for names: what is in none is an address as it is. */
function isSynthetic(address: string): boolean {
  const { v4, v6 } = synthetic
  // 198.18.0.0/15 are 198.18 and 198.19; the version 6 prefix is 64 bits long and its spelling is canonical.
  return /^198\.1[89]\./.test(address) || address.startsWith(v6.address.replace(/:$/, '')) || address === v4.address
}
