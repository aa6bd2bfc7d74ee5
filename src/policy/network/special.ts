import type { AddressRange } from '../network.ts'
import { once } from '../once.ts'
import { parseIp, width } from './ip.ts'

/** What an address is good for, and so whether a name may lead there. */
export type AddressClass =
  | 'public'
  | 'loopback'
  | 'private'
  | 'link-local'
  | 'carrier'
  | 'metadata'
  | 'multicast'
  | 'reserved'
  | 'unspecified'
  | 'documentation'
  | 'benchmark'

/** A block of addresses that are of one class; the longest that has an address decides. */
export interface Block {
  readonly range: AddressRange
  readonly kind: AddressClass
  /** What it is, for people, with its source. */
  readonly what: string
  /** The range as numbers, for comparing: every address that is decided on goes through all blocks. */
  readonly first: bigint
  readonly hostBits: bigint
}

/**
 * IANA's registries of special-purpose addresses (RFC 6890, as updated by RFC 8190), of the address space of version 6
 * (RFC 4291) and of multicast. What they call globally reachable (AS112, AMT, ORCHIDv2) is public but for the anycast
 * addresses in 192.0.0.0/24 and 2001:1::/32, where no name of anybody's lives.
 */
const registries: readonly (readonly [range: string, kind: AddressClass, what: string])[] = [
  ['0.0.0.0/0', 'public', 'public'],
  ['0.0.0.0/8', 'unspecified', '"this network" (RFC 791)'],
  ['10.0.0.0/8', 'private', 'private (RFC 1918)'],
  ['100.64.0.0/10', 'carrier', 'shared between a carrier and its customers (RFC 6598)'],
  ['127.0.0.0/8', 'loopback', 'loopback (RFC 1122)'],
  ['169.254.0.0/16', 'link-local', 'link-local (RFC 3927)'],
  ['172.16.0.0/12', 'private', 'private (RFC 1918)'],
  ['192.0.0.0/24', 'reserved', 'set aside for protocols (RFC 6890)'],
  ['192.0.2.0/24', 'documentation', 'for documentation (RFC 5737)'],
  ['192.88.99.0/24', 'reserved', 'a former 6to4 relay (RFC 7526)'],
  ['192.168.0.0/16', 'private', 'private (RFC 1918)'],
  ['198.18.0.0/15', 'benchmark', 'for benchmarks (RFC 2544), and given out by Glovebox inside'],
  ['198.51.100.0/24', 'documentation', 'for documentation (RFC 5737)'],
  ['203.0.113.0/24', 'documentation', 'for documentation (RFC 5737)'],
  ['224.0.0.0/4', 'multicast', 'multicast (RFC 5771)'],
  ['240.0.0.0/4', 'reserved', 'reserved (RFC 1112)'],
  ['255.255.255.255/32', 'reserved', 'the broadcast address (RFC 919)'],
  ['::/8', 'reserved', 'reserved (RFC 4291)'],
  ['::/96', 'reserved', 'an IPv4-compatible address (RFC 4291)'],
  ['::/128', 'unspecified', 'the unspecified address (RFC 4291)'],
  ['::1/128', 'loopback', 'loopback (RFC 4291)'],
  ['64:ff9b::/96', 'public', 'behind a translator to version 4 (RFC 6052)'],
  ['64:ff9b:1::/48', 'private', 'behind a local translator to version 4 (RFC 8215)'],
  ['100::/8', 'reserved', 'reserved (RFC 4291)'],
  ['100::/64', 'reserved', 'discarded (RFC 6666)'],
  ['100:0:0:1::/64', 'reserved', 'a dummy prefix (RFC 9780)'],
  ['200::/7', 'reserved', 'reserved (RFC 4048)'],
  ['400::/6', 'reserved', 'reserved (RFC 4291)'],
  ['800::/5', 'reserved', 'reserved (RFC 4291)'],
  ['1000::/4', 'reserved', 'reserved (RFC 4291)'],
  ['2000::/3', 'public', 'public'],
  ['2001::/23', 'reserved', 'set aside for protocols (RFC 2928)'],
  ['2001::/32', 'reserved', 'a Teredo tunnel (RFC 4380)'],
  ['2001:2::/48', 'benchmark', 'for benchmarks (RFC 5180)'],
  ['2001:3::/32', 'public', 'public'],
  ['2001:4:112::/48', 'public', 'public'],
  ['2001:10::/28', 'reserved', 'no longer used (RFC 4843)'],
  ['2001:20::/28', 'public', 'public'],
  ['2001:30::/28', 'public', 'public'],
  ['2001:db8::/32', 'documentation', 'for documentation (RFC 3849)'],
  ['2002::/16', 'reserved', 'a 6to4 tunnel (RFC 3056)'],
  ['3fff::/20', 'documentation', 'for documentation (RFC 9637)'],
  ['4000::/3', 'reserved', 'reserved (RFC 4291)'],
  ['5f00::/16', 'reserved', 'segment identifiers (RFC 9602)'],
  ['6000::/3', 'reserved', 'reserved (RFC 4291)'],
  ['8000::/3', 'reserved', 'reserved (RFC 4291)'],
  ['a000::/3', 'reserved', 'reserved (RFC 4291)'],
  ['c000::/3', 'reserved', 'reserved (RFC 4291)'],
  ['e000::/4', 'reserved', 'reserved (RFC 4291)'],
  ['f000::/5', 'reserved', 'reserved (RFC 4291)'],
  ['f800::/6', 'reserved', 'reserved (RFC 4291)'],
  ['fc00::/7', 'private', 'unique local (RFC 4193)'],
  ['fd67:6c6f:7665::/64', 'reserved', 'given out by Glovebox inside'],
  ['fe00::/9', 'reserved', 'reserved (RFC 4291)'],
  ['fe80::/10', 'link-local', 'link-local (RFC 4291)'],
  ['fec0::/10', 'private', 'site-local (RFC 3879)'],
  ['ff00::/8', 'multicast', 'multicast (RFC 4291)'],
]

/** Where machines in a cloud ask for their own keys, by the documentation of the clouds. One of them is a public address. */
const metadata: readonly (readonly [address: string, whose: string])[] = [
  ['169.254.169.254/32', 'of most clouds'],
  ['169.254.170.2/32', 'of Amazon ECS'],
  ['169.254.170.23/32', 'of Amazon EKS'],
  ['169.254.0.23/32', 'of Tencent Cloud'],
  ['169.254.42.42/32', 'of Scaleway'],
  ['100.100.100.200/32', 'of Alibaba Cloud'],
  ['168.63.129.16/32', 'of Azure'],
  ['192.0.0.192/32', 'of Oracle Cloud'],
  ['fd00:ec2::254/128', 'of Amazon EC2'],
  ['fd00:ec2::23/128', 'of Amazon EKS'],
  ['fd20:ce::254/128', 'of Google Cloud'],
  ['fd00:42::42/128', 'of Scaleway'],
]

/** The longest prefixes first. */
export const blocks: () => readonly Block[] = once(() =>
  [
    ...registries.map(([range, kind, what]) => block(range, kind, what)),
    ...metadata.map(([range, whose]) => block(range, 'metadata', `the metadata service ${whose}`)),
  ].toSorted((a, b) => b.range.prefix - a.range.prefix),
)

/** Every start that has a network passes here: the form of the ranges is held by a test, not looked at each time. */
function block(text: string, kind: AddressClass, what: string): Block {
  const [address = '', prefix] = text.split('/')
  const ip = parseIp(address)
  if (ip === undefined) throw new RangeError(`${text} is no range`)
  const range = { address, prefix: Number(prefix), family: ip.family }
  return { range, kind, what, first: ip.bits, hostBits: BigInt(width(ip.family) - range.prefix) }
}
