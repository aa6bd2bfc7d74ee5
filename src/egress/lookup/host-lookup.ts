import { lookup } from 'node:dns/promises'
import { canonicalAddress } from '../address.ts'
import type { Found, Lookup } from './lookup.ts'

/** getaddrinfo(3) tells no time for which its answer holds. */
const holdsMs = 5000

/**
 * The way this host does it (`/etc/hosts`, nsswitch.conf and all), by getaddrinfo(3), which follows aliases itself and
 * puts addresses into the order in which they should be tried (RFC 6724).
 */
export const hostLookup: Lookup = async (name): Promise<Found> => {
  // Without a final dot, which names in /etc/hosts do not have (hosts(5)): there they would not be found.
  const found = await lookup(name, { all: true, order: 'verbatim' })
  return { addresses: found.flatMap(({ address }) => canonicalAddress(address) ?? []), holdsMs }
}
