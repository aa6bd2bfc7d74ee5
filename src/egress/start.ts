import type { Recorder } from '../protocol/facts.ts'
import type { Activity } from '../protocol/jail-status.ts'
import type { Network } from '../policy/network.ts'
import { createEngine, type Engine, type EngineOptions } from './engine.ts'
import type { OnRequest } from './http/forward.ts'
import { dialedHere } from './link/dialed-here.ts'
import { listenForRelay } from './link/relay-link.ts'
import { hostLookup } from './lookup/host-lookup.ts'
import { rememberLookups } from './lookup/lookup.ts'
import { resolverLookup } from './lookup/resolver-lookup.ts'
import type { Rules } from './rules.ts'
import type { ReadTls } from './tls/read-tls.ts'
import { upstreamOf } from './upstream.ts'

export interface EgressOptions {
  readonly network: Pick<Network, 'resolvers' | 'limits'>
  readonly rules: Rules
  /** Those on which somebody listens inside. */
  readonly ports: readonly number[]
  /** Those on which datagrams are taken. */
  readonly udpPorts: readonly number[]
  /** Who connects to the outside: a relay in a guest has no network. */
  readonly dials: 'relay' | 'host'
  /** Where the relay finds us: absolute, 107 bytes at most, in a directory that is ours alone. */
  readonly socket: string
  readonly record: Recorder
  /** Something could not be recorded: the sandbox is to be ended. Called at most once. */
  readonly onFailure: (error: unknown) => void
  /** The host's, for its proxies. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly onRequest?: OnRequest | undefined
  readonly ask?: EngineOptions['ask']
  readonly readTls?: ReadTls | undefined
}

/** The network of one sandbox, listening. */
export interface Egress {
  /** The supervisor's word on what a program does; what is no connection is passed over. */
  onActivity(activity: Pick<Activity, 'kind' | 'pid' | 'program' | 'address' | 'count' | 'verdict' | 'rule'>): void
  /** What cannot be checked here, for the receipt. */
  readonly unchecked: readonly string[]
  /** All connections end, and their ends are in the record when this has settled; nothing is recorded after. Idempotent. */
  close(): Promise<void>
}

/** So long one address of a server may take to answer: two losses of the first packet (tcp(7), tcp_syn_retries). */
const connectMs = 10_000

/** The relay ends with the launcher: what it said before is in the socket by then. */
const lastWordsMs = 250

/**
 * Makes the host's side of a sandbox's network, and listens for the relay.
 * @throws GloveboxError where that cannot be done: the sandbox must then not be started
 */
export async function startEgress(options: EgressOptions): Promise<Egress> {
  const { network, rules, record, dials } = options
  const { limits } = network
  const upstream = upstreamOf(options.env)
  const lookup = network.resolvers.length === 0 ? hostLookup : resolverLookup(network.resolvers)
  const dial = { connectMs, idleMs: limits.idleMs }
  const engine = createEngine({
    rules,
    ports: new Set(options.ports),
    udpPorts: new Set(options.udpPorts),
    lookup: rememberLookups(lookup),
    upstream,
    record,
    onFailure: once(options.onFailure),
    dial,
    connections: limits.connections,
    onRequest: options.onRequest,
    ask: options.ask,
    readTls: options.readTls,
  })
  const link = await listenForRelay({
    path: options.socket,
    limits: { ...limits, connectMs },
    dials,
    onTooMany: (place) => engine.refuseTooMany(place),
    onIncoming: (incoming) => engine.serve(dials === 'host' ? dialedHere(incoming, dial) : incoming),
    onDatagrams: (incoming) => engine.serveDatagrams(incoming),
    answer: (query) => engine.answer(query),
  })
  return {
    onActivity: (activity) => tellConnect(engine, activity),
    unchecked: upstream.uncheckedAddresses === undefined ? [] : [upstream.uncheckedAddresses],
    async close() {
      await link.close(lastWordsMs)
      engine.close()
    },
  }
}

/**
 * getaddrinfo(3) connects a datagram socket to each address, to see which it would be sent from: mostly nothing comes of it,
 * and what does has its own way here.
 */
const toDatagrams = 'network.egress-datagram'

/** Questions to the resolver are sent with and without a connect(2) before. */
function tellConnect(engine: Engine, activity: Parameters<Egress['onActivity']>[0]): void {
  const { kind, verdict, rule } = activity
  if ((kind !== 'connect' && kind !== 'send') || verdict === 'denied') return
  const isOnlyRoute = rule === toDatagrams
  if (!isOnlyRoute) engine.onConnect(activity)
  if (isOnlyRoute || kind === 'send') engine.onDatagram(activity, isOnlyRoute)
}

function once(act: (error: unknown) => void): (error: unknown) => void {
  let done = false
  return (error) => {
    if (done) return
    done = true
    act(error)
  }
}
