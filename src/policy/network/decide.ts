import type { Network, NetworkRule, Protocol, RuleHost, Side } from '../network.ts'
import { classOf, type Classified } from './address.ts'
import { formatIp, isSingle, parseIp, rangeHas, withoutMapping, type Ip } from './ip.ts'
import { hasPort, hasPortBeside } from './ports.ts'
import { carries } from './protocol.ts'
import { remembered } from './remembered.ts'
import { readRule } from './rule.ts'

/** What somebody wants to connect to, or with `udp` to send datagrams to. */
export type Target =
  | { readonly name: string; readonly port: number; readonly udp?: true | undefined }
  | { readonly address: string; readonly port: number; readonly udp?: true | undefined }

export interface Decision {
  readonly allowed: boolean
  /** The rule as it was written, or what holds where there is none. */
  readonly rule: string
}

export const defaultDeny = 'network.default-deny'

/** Rules of `deny` first, then the first of `allow`; what no rule has is denied. */
export function decide(network: Network, target: Target): Decision {
  const hasHost = 'name' in target ? hasName(target.name) : hasAddress(target.address)
  const asked = target.udp === true ? 'udp' : 'tcp'
  const has = (rule: NetworkRule, side: Side): boolean =>
    carries(rule, side, asked) && hasPort(rule.ports, target.port) && hasHost(rule.host, side)
  const denies = network.deny.find((rule) => has(rule, 'deny'))
  if (denies !== undefined) return { allowed: false, rule: denies.text }
  const allows = network.allow.find((rule) => has(rule, 'allow'))
  return { allowed: allows !== undefined, rule: allows?.text ?? defaultDeny }
}

/** Whether a name is answered at all: some port of it may be connected to. */
export function decideName(network: Network, name: string): Decision {
  const has = hasName(name)
  const denies = network.deny.filter((rule) => has(rule.host))
  const allows = network.allow.filter((rule) => has(rule.host))
  const open = allows.find(({ ports, protocol = 'tcp' }) => {
    const taken = denies.filter((rule) => carries(rule, 'deny', protocol)).flatMap((rule) => rule.ports)
    return hasPortBeside(ports, taken)
  })
  if (open !== undefined) return { allowed: true, rule: open.text }
  return { allowed: false, rule: (allows.length > 0 ? denies[0]?.text : undefined) ?? defaultDeny }
}

/**
 * Why the host may not connect to an address that an allowed name was looked up to; undefined: it may. Of the two ways to
 * open what is not public neither opens more than it names: a rule of the address itself, for its ports, and a range of
 * `network.private`. Metadata services are opened by no range.
 */
export function whyNotConnect(
  network: Network,
  address: string,
  port: number,
  by: Protocol = 'tcp',
): string | undefined {
  const parsed = parseIp(address)
  if (parsed === undefined) return 'this is no address'
  const ip = withoutMapping(parsed)
  const text = formatIp(ip)
  const denies = network.deny.find((rule) => {
    const { host, ports } = rule
    return carries(rule, 'deny', by) && hasPort(ports, port) && host.kind === 'range' && rangeHas(host.range, ip)
  })
  if (denies !== undefined) return `${text} is denied by the rule ${denies.text}`
  const found = classOf(ip)
  if (found.kind === 'public') return undefined
  const isNamed = (rule: NetworkRule): boolean => carries(rule, 'allow', by) && hasPort(rule.ports, port)
  if (network.allow.some((rule) => isNamed(rule) && opens(rule.host, ip, found))) return undefined
  const isPrivate =
    found.kind !== 'metadata' &&
    !hopeless(found) &&
    network.private.some((range) => range.prefix >= found.block.prefix && rangeHas(range, ip))
  return isPrivate ? undefined : `${text} is ${found.what}`
}

/** Whether an address rule opens this address: a range that holds public addresses opens nothing else with them. */
function opens(host: RuleHost, ip: Ip, found: Classified): boolean {
  if (host.kind !== 'range' || !rangeHas(host.range, ip) || hopeless(found)) return false
  if (found.kind === 'public' || isSingle(host.range)) return true
  return found.kind !== 'metadata' && host.range.prefix >= found.block.prefix
}

/** There is nobody to connect to, or it is this machine under another name. */
function hopeless({ kind }: Classified): boolean {
  return kind === 'unspecified' || kind === 'multicast'
}

function hasAddress(address: string): (host: RuleHost, side: 'allow' | 'deny') => boolean {
  const parsed = parseIp(address)
  if (parsed === undefined) return () => false
  const ip = withoutMapping(parsed)
  const found = classOf(ip)
  return (host, side) => (side === 'allow' ? opens(host, ip, found) : host.kind === 'range' && rangeHas(host.range, ip))
}

function hasName(given: string): (host: RuleHost) => boolean {
  const name = given.toLowerCase().replace(/\.$/, '')
  return (host) =>
    (host.kind === 'name' && host.name === name) || (host.kind === 'below' && name.endsWith(`.${host.name}`))
}

/** The word of one policy on each connection. */
export interface Rules {
  readonly decide: (target: Target) => Decision
  readonly resolves: (name: string) => Decision
  readonly mayConnect: (address: string, port: number, by?: Protocol) => string | undefined
}

/**
 * While a policy is learned every name is answered, so that a program goes on to say which port it wants: an answer is an
 * address that means nothing outside, and a connection to it is decided as ever.
 */
export function learningRules(network: Network): Rules {
  const rules = rulesOf(network)
  return {
    ...rules,
    resolves: (name) => {
      const decision = rules.resolves(name)
      return decision.rule === defaultDeny ? { allowed: true, rule: 'network.learn' } : decision
    },
  }
}

/**
 * Where a person is asked: names are answered, so that it is the connection that waits for the person and no lookup, which
 * programs give up after seconds; and what the person allowed is allowed.
 */
export function askingRules(network: Network, isGranted: (name: string, port: number) => boolean): Rules {
  const { decide, ...rules } = learningRules(network)
  return {
    ...rules,
    decide: (target) => {
      const decision = decide(target)
      // What a person said yes to was a connection.
      const isAsked = decision.rule === defaultDeny && target.udp !== true
      const granted = isAsked && 'name' in target && isGranted(target.name, target.port)
      return granted ? { allowed: true, rule: 'network.ask' } : decision
    },
  }
}

/**
 * Whether a person is asked about a name at all. Names that are never public (one label; RFC 6761, 6762, 8375, and what
 * ICANN keeps for private use) are none that a click should open.
 */
export function mayAsk(name: string): boolean {
  if (!name.includes('.') || name.length > 253 || readRule(name, 'allow').mistake !== undefined) return false
  return !/(?:^|\.)(?:localhost|local|internal|intranet|lan|home|corp|private|test|invalid|onion|home\.arpa|arpa)$/.test(
    name,
  )
}

export function rulesOf(network: Network): Rules {
  return {
    decide: (target) => decide(network, target),
    resolves: (name) => decideName(network, name),
    mayConnect: remembered((address, port, by) => whyNotConnect(network, address, port, by)),
  }
}

/** Ranges that a sandbox has to reach as what they are, and the ports that it may connect to. */
export interface EgressNeeds {
  readonly tcpPorts: readonly number[]
  readonly udpPorts: readonly number[]
  readonly addresses: readonly string[]
}

/** For the launcher: a listener for each port, a local route for each range of an address rule. */
export function toEgress({ allow }: Pick<Network, 'allow'>): EgressNeeds {
  const portsBy = (asked: Protocol): readonly number[] => {
    const ranges = allow.filter((rule) => carries(rule, 'allow', asked)).flatMap(({ ports }) => ports)
    const ports = ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index))
    return [...new Set(ports)].toSorted((a, b) => a - b)
  }
  const ranges = allow.flatMap(({ host }: NetworkRule) =>
    host.kind === 'range' ? [`${host.range.address}/${host.range.prefix}`] : [],
  )
  return { tcpPorts: portsBy('tcp'), udpPorts: portsBy('udp'), addresses: [...new Set(ranges)].toSorted() }
}
