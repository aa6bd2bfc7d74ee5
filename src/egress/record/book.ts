import { GloveboxError } from '../../errors.ts'
import type { EgressCloseFact, EgressFact, Recorder } from '../../protocol/facts.ts'
import type { Target } from '../rules.ts'
import type { Asker } from './attribution.ts'
import { createFlood } from './flood.ts'

/** Why a connection is not made: by a rule, or because it could not be. */
export interface Refusal {
  readonly kind: 'refused' | 'failed'
  readonly rule: string
  /** One sentence, with nothing of the program's in it but names that passed the checks. */
  readonly reason: string
}

/**
 * Writes down what becomes of one sandbox's connections, before it becomes so. What cannot be written ends the sandbox;
 * `open` throws besides, so that nothing is connected to. The others only say that something ends, and it ends anyhow.
 */
export interface Book {
  refuse(asker: Asker | null, asked: Asked, why: Refusal): void
  open(
    asker: Asker | null,
    target: Target,
    found: { readonly rule: string; readonly addresses: readonly string[] },
  ): Trip
  /** The sandbox has ended: what is open is closed, and nothing is written any more. */
  close(): void
}

/** What was asked for: a target, or an address that stands for nothing. */
export type Asked = Target & { readonly at?: string | undefined }

/** A connection that was allowed, and is in the record. The first of its ends counts. */
export interface Trip {
  /** It is made, to this address. */
  connected(address: string | null): void
  refuse(why: Pick<Refusal, 'rule' | 'reason'>): void
  fail(reason: string): void
  close(end: Pick<EgressCloseFact, 'sent' | 'received' | 'datagrams' | 'reason'>): void
}

/** `record` throws when a fact cannot be written; `onFailure` is told, and ends the sandbox. */
export function createBook(record: Recorder, onFailure: (error: unknown) => void, now: () => number = Date.now): Book {
  let flows = 0
  let ended = false
  const trips = new Set<Trip>()
  const tell = (fact: EgressFact): void => {
    if (ended) return
    try {
      record(fact)
    } catch (error) {
      onFailure(error)
    }
  }
  const flood = createFlood(tell, now)
  return {
    refuse(asker, asked, { kind, rule, reason }) {
      const about = { ...aboutOf(++flows, asker, asked), rule, reason }
      const address = asked.at ?? ('address' in asked ? asked.address : null)
      if (kind === 'refused') flood.take({ fact: 'egress-refuse', ...about, address })
      else flood.take({ fact: 'egress-fail', ...about, addresses: [] })
    },
    open(asker, target, { rule, addresses }) {
      const about = { ...aboutOf(++flows, asker, target), rule }
      const since = now()
      let over = false
      let address: string | null = null
      const end = (fact: EgressFact): void => {
        if (over) return
        over = true
        trips.delete(trip)
        tell(fact)
      }
      if (ended) throw new GloveboxError('CHANNEL_LOST', 'the sandbox has ended')
      try {
        record({ fact: 'egress-open', ...about, addresses })
      } catch (error) {
        onFailure(error)
        throw error
      }
      const trip: Trip = {
        connected: (to) => void (address = to),
        refuse: ({ rule: by, reason }) => end({ fact: 'egress-refuse', ...about, rule: by, reason, address }),
        fail: (reason) => end({ fact: 'egress-fail', ...about, addresses, reason }),
        close({ sent, received, datagrams, reason }) {
          const moved = { sent, received, ...(datagrams && { datagrams }) }
          end({ fact: 'egress-close', ...about, address, ...moved, ms: now() - since, reason })
        },
      }
      trips.add(trip)
      return trip
    },
    close() {
      for (const trip of trips) trip.close({ sent: 0, received: 0, reason: 'sandbox-ended' })
      flood.end()
      ended = true
    },
  }
}

function aboutOf(flow: number, process: Asker | null, asked: Asked) {
  const protocol = asked.udp === true ? ({ protocol: 'udp' } as const) : {}
  return { flow, process, name: 'name' in asked ? asked.name : null, port: asked.port, ...protocol }
}
