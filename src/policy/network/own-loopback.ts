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
 * meant for a server of the host. None where a port is not known: one that the kernel chose.
 */
export function withoutListener<P extends Place>(places: readonly P[]): ReadonlySet<P> {
  const bound = new Set(places.filter(({ kind }) => kind === 'bind').map(({ address }) => portOf(address)))
  if (bound.has('0')) return new Set()
  const led = new Set(places.filter(({ kind }) => kind.startsWith('egress-')).map(({ address }) => address))
  return new Set(
    places.filter(({ kind, rule, verdict, address }) => {
      const port = portOf(address)
      if (kind !== 'connect' || rule !== ownLoopback || verdict !== 'allowed') return false
      return port !== undefined && port !== '0' && !bound.has(port) && !led.has(address)
    }),
  )
}

function portOf(address: string | undefined): string | undefined {
  return /:(\d{1,5})$/.exec(address ?? '')?.[1]
}
