import { readEndpoint, withPort } from '../../protocol/endpoint.ts'
import { formatIp, parseIp, withoutMapping } from './ip.ts'

/** The rule by which a sandbox may reach its own loopback addresses, which are not those of the host. */
export const ownLoopback = 'loopback'

/** What of an attempt says where it went. */
export interface Place {
  /** `connect`, `bind`, `egress-open`, … */
  readonly kind: string
  readonly rule: string
  readonly verdict: string
  /** `127.0.0.1:80`, `[::1]:80`. */
  readonly address: string | undefined
}

/**
 * The connections to a sandbox's own loopback that nobody in it can have answered, because nobody listened on that port: mostly
 * meant for a server of the host, and there `ADDRESS:PORT`. None where a port is not known: one that the kernel chose.
 */
export function withoutListener<P extends Place>(places: readonly P[]): ReadonlyMap<P, string> {
  const bound = new Set(places.filter(({ kind }) => kind === 'bind').map(({ address }) => portOf(address)))
  if (bound.has('0')) return new Map()
  const led = new Set(places.filter(({ kind }) => kind.startsWith('egress-')).map(({ address }) => onHost(address)))
  const own = places.filter(
    ({ kind, rule, verdict }) => kind === 'connect' && rule === ownLoopback && verdict === 'allowed',
  )
  return new Map(
    own.flatMap((place) => {
      const address = onHost(place.address)
      const port = portOf(address)
      if (address === undefined || port === '0' || bound.has(port) || led.has(address)) return []
      return [[place, address] as const]
    }),
  )
}

function portOf(address: string | undefined): string | undefined {
  return /:(\d{1,5})$/.exec(address ?? '')?.[1]
}

/** As a rule writes it. To the unspecified address the kernel connects as to the loopback. */
function onHost(address: string | undefined): string | undefined {
  const endpoint = readEndpoint(address)
  const parsed = parseIp(endpoint?.ip ?? '')
  if (endpoint === undefined || parsed === undefined) return undefined
  const ip = withoutMapping(parsed)
  const loopback = ip.family === 4 ? '127.0.0.1' : '::1'
  return withPort(ip.bits === 0n ? loopback : formatIp(ip), endpoint.port)
}
