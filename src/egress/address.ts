import { isIP, SocketAddress } from 'node:net'

/**
 * The one spelling of an address: version 4 in four decimals, version 6 as inet_ntop(3) writes it, and a version 6 address
 * that only carries one of version 4 (RFC 4291, 2.5.5.2) as that one, which is what the kernel connects to.
 * Undefined for everything else, scopes (`fe80::1%eth0`) and the odd spellings of inet_aton(3) among it.
 */
export function canonicalAddress(text: string): string | undefined {
  const family = text.includes('%') ? 0 : isIP(text)
  if (family === 0) return undefined
  if (family === 4) return text
  const { address } = new SocketAddress({ address: text, family: 'ipv6' })
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address) ?? []
  return mapped ?? address
}
