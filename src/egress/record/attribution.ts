import { readEndpoint, withPort } from '../../protocol/endpoint.ts'
import { canonicalAddress } from '../address.ts'
import type { Activity } from '../../protocol/jail-status.ts'

export interface Asker {
  readonly pid: number
  readonly program: string
}

/**
 * Who made a connection: the supervisor tells of each connect(2) before it is made, and the connection arrives with the same
 * address and port. Several programs can be on their way to one place: first come, first served.
 */
export interface Attribution {
  onConnect(activity: Pick<Activity, 'pid' | 'program' | 'address' | 'count'>): void
  /** Null: nobody was seen. */
  take(address: string, port: number): Asker | null
  /** Who was last on the way there, without taking anything: datagrams come without a connection. */
  last(address: string, port: number): Asker | null
}

/** What was seen for longer has not become a connection: a port without a listener, a program that gave up. */
const maxAgeMs = 5000
const maxPlaces = 1024
const maxWaiting = 64

/**
 * Of more to one place the supervisor counts the same ones, and tells of them up to a second later: who was last on the
 * way there is then who comes now.
 */
const flood = 40

interface Seen {
  readonly asker: Asker
  readonly at: number
}

interface Place {
  readonly waiting: readonly Seen[]
  /** How many were seen in a row, none of them much later than the one before. */
  readonly streak: number
  readonly last: Seen
}

export function createAttribution(now: () => number = Date.now): Attribution {
  const places = new Map<string, Place>()
  const isFresh = ({ at }: Seen): boolean => now() - at <= maxAgeMs
  const freshAt = (key: string): Place | undefined => {
    const place = places.get(key)
    if (place === undefined || !isFresh(place.last)) return undefined
    return { ...place, waiting: place.waiting.filter(isFresh) }
  }
  return {
    onConnect({ pid, program, address, count = 1 }) {
      const key = keyOf(address)
      if (key === undefined) return
      const last = { asker: { pid, program }, at: now() }
      const before = freshAt(key)
      const seen = Array.from({ length: Math.min(count, maxWaiting) }, () => last)
      const waiting = [...(before?.waiting ?? []), ...seen].slice(-maxWaiting)
      // Anew at the end: the place that was longest not asked for is the first to go.
      places.delete(key)
      places.set(key, { waiting, streak: (before?.streak ?? 0) + count, last })
      const [oldest] = places.keys()
      if (places.size > maxPlaces && oldest !== undefined) places.delete(oldest)
    },
    take(address, port) {
      const key = withPort(address, port)
      const place = freshAt(key)
      if (place === undefined) {
        places.delete(key)
        return null
      }
      const [first, ...waiting] = place.waiting
      places.set(key, { ...place, waiting })
      if (first !== undefined) return first.asker
      return place.streak >= flood ? place.last.asker : null
    },
    last: (address, port) => freshAt(withPort(address, port))?.last.asker ?? null,
  }
}

/** `1.2.3.4:80`, `[::1]:80`; undefined for what is no place of the network. */
function keyOf(text: string | undefined): string | undefined {
  const endpoint = readEndpoint(text)
  const address = canonicalAddress(endpoint?.ip ?? '')
  return endpoint === undefined || address === undefined ? undefined : withPort(address, endpoint.port)
}
