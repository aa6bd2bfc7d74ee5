import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { RelayLimits } from '../../src/protocol/egress-link.ts'
import type { EgressFact, Fact } from '../../src/protocol/facts.ts'
import type { OnRequest } from '../../src/egress/http/forward.ts'
import type { Rules } from '../../src/egress/rules.ts'
import { createEngine, type Engine } from '../../src/egress/engine.ts'
import { dialedHere } from '../../src/egress/link/dialed-here.ts'
import { listenForRelay } from '../../src/egress/link/relay-link.ts'
import { rememberLookups } from '../../src/egress/lookup/lookup.ts'
import { upstreamOf } from '../../src/egress/upstream.ts'
import { fakeRelay, type FakeRelay } from './fake-relay.ts'

export interface EgressBench {
  readonly relay: FakeRelay
  readonly engine: Engine
  readonly facts: EgressFact[]
  readonly failures: unknown[]
  readonly socket: string
  /** The synthetic address of a name. */
  readonly addressOf: (name: string) => Promise<string>
}

export interface BenchOptions {
  /** Names that may be connected to, on any port, and where they are. */
  readonly names?: Readonly<Record<string, readonly string[]>>
  /** `ADDRESS:PORT` of address rules. */
  readonly addresses?: readonly string[]
  readonly mayConnect?: Rules['mayConnect']
  readonly env?: Readonly<Record<string, string>>
  readonly onRequest?: OnRequest
  readonly connections?: number
  /** `host`: with these limits. */
  readonly dials?: 'relay' | 'host'
  readonly limits?: Partial<RelayLimits>
  /** No name is found before. */
  readonly until?: Promise<void>
  /** Throws for what cannot be recorded. */
  readonly record?: (fact: Fact) => void
}

export async function egressBench(t: TestContext, options: BenchOptions = {}): Promise<EgressBench> {
  const directory = mkdtempSync(join(tmpdir(), 'gbx-egress-'))
  const socket = join(directory, 's')
  const facts: EgressFact[] = []
  const failures: unknown[] = []
  const names = options.names ?? {}
  const limits = {
    connections: 100,
    bytesPerSecond: null,
    bytes: null,
    idleMs: 60_000,
    connectMs: 2000,
    ...options.limits,
  }
  const { dials = 'relay' } = options
  const dial = { connectMs: limits.connectMs, idleMs: limits.idleMs }
  const engine = createEngine({
    rules: {
      decide: (target) => {
        const text = 'name' in target ? target.name : `${target.address}:${target.port}`
        const allowed = 'name' in target ? Object.hasOwn(names, text) : (options.addresses ?? []).includes(text)
        return { allowed, rule: allowed ? text : 'network.default-deny' }
      },
      resolves: (name) => ({ allowed: Object.hasOwn(names, name), rule: 'network.default-deny' }),
      mayConnect: options.mayConnect ?? (() => undefined),
    },
    lookup: rememberLookups(async (name) => {
      await options.until
      const addresses = names[name] ?? []
      if (addresses.length === 0) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
      return { addresses, holdsMs: 5000 }
    }),
    upstream: upstreamOf(options.env ?? {}),
    record: (fact) => {
      options.record?.(fact)
      facts.push(fact as EgressFact)
    },
    onFailure: (error) => void failures.push(error),
    dial,
    connections: options.connections ?? 100,
    onRequest: options.onRequest,
  })
  const link = await listenForRelay({
    path: socket,
    limits,
    dials,
    onTooMany: (place) => engine.refuseTooMany(place),
    onIncoming: (incoming) => engine.serve(dials === 'host' ? dialedHere(incoming, dial) : incoming),
    onDatagrams: (incoming) => engine.serveDatagrams(incoming),
    answer: (query) => engine.answer(query),
  })
  const relay = await fakeRelay(socket)
  t.after(async () => {
    relay.close()
    await link.close(0)
    engine.close()
    rmSync(directory, { recursive: true })
  })
  return {
    relay,
    engine,
    facts,
    failures,
    socket,
    async addressOf(name) {
      const reply = await relay.query(questionFor(name))
      const data = reply.subarray(-4)
      if (reply.readUInt16BE(6) !== 1) throw new Error(`${name} has no address`)
      return [...data].join('.')
    },
  }
}

/** A question for the address (type A) of a name. */
export function questionFor(name: string): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.of(label.length), Buffer.from(label)])
  return Buffer.concat([
    Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...labels,
    Buffer.from([0, 0, 1, 0, 1]),
  ])
}
