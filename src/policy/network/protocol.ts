import type { NetworkRule, Protocol, Side } from '../network.ts'
import { mistake, type Reading } from './reading.ts'

/** `123/udp`, as ports are written with a protocol everywhere (services(5), nftables, docker). */
const suffix = /^(.*)\/([a-z][a-z0-9-]*)$/is

/**
 * Takes the protocol off the end of a rule. Undefined: none was written. `10.0.0.0/8` has none, nor has a path behind a name,
 * which is the rule's own mistake.
 */
export function splitProtocol(text: string): Reading<{ readonly rest: string; readonly protocol?: Protocol }> {
  const [, rest = '', word = ''] = suffix.exec(text) ?? []
  const protocol = word.toLowerCase()
  // Behind a colon nothing else can be meant, whatever it is; behind a name alone it may be a path.
  const isBehindPort = /:[\d,\-*]*$/.test(rest)
  if (protocol === 'tcp' || protocol === 'udp') return { value: { rest, protocol } }
  if (!isBehindPort) return { value: { rest: text } }
  return mistake('has a protocol that is none', 'write /udp for datagrams; without it a rule is for TCP')
}

/** `ntp.example.org:123/udp` for what was written as a URL. */
export function ruleOfUdpUrl(text: string): string | undefined {
  const [, place] = /^udp:\/\/([^/\s]+)\/?$/i.exec(text) ?? []
  return place === undefined ? undefined : `${place}/udp`
}

/** Datagrams are nobody's default: without a word a rule of `allow` is for TCP, and one of `deny` closes all that there is. */
export function carries({ protocol }: NetworkRule, side: Side, asked: Protocol): boolean {
  return protocol === asked || (protocol === undefined && (side === 'deny' || asked === 'tcp'))
}
