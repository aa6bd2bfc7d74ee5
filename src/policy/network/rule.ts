import type { AddressRange, NetworkRule, PortRange, RuleHost, Side } from '../network.ts'
import { synthetic } from '../network.ts'
import { blockOf } from './address.ts'
import { formatIp, isSingle, networkOf, parseIp, rangeOf, rangeWithin, width, withoutMapping, type Ip } from './ip.ts'
import { readBelow, readName } from './name.ts'
import { countPorts, defaultPort, everyPort, formatPorts, maxPorts, readPorts } from './ports.ts'
import { ruleOfUdpUrl, splitProtocol } from './protocol.ts'
import { mistake, type Reading } from './reading.ts'

/**
 * `api.github.com`, `api.github.com:443`, `*.example.org:443,8443`, `host:8000-8010`, `10.0.0.5:5432`, `10.0.0.0/8:443`,
 * `[::1]:80`, `[fd00::/8]:443`, `ntp.example.org:123/udp`. Without a port: 443 in `allow`, every port in `deny`.
 */
export function readRule(text: string, side: Side): Reading<NetworkRule> {
  const words = splitProtocol(text)
  if (words.mistake !== undefined) return words
  const { rest, protocol } = words.value
  const parts = split(rest)
  if (parts.mistake !== undefined) return parts
  const { host: word, inBrackets, ports: list } = parts.value
  const host = inBrackets ? readBracketed(word, list) : readHost(word, side)
  if (host.mistake !== undefined) return host
  if (protocol === 'udp' && list === undefined && side === 'allow') return datagramsWithoutPort
  const ports = list === undefined ? { value: portsWithout(side) } : readPorts(list)
  if (ports.mistake !== undefined) return ports
  const count = countPorts(ports.value)
  if (side === 'allow' && count > maxPorts) {
    return mistake(`opens ${count} ports, and ${maxPorts} is the most`, 'name the ports that are needed')
  }
  const isSaid = protocol === 'udp' || (protocol === 'tcp' && side === 'deny')
  return { value: { text, host: host.value, ports: ports.value, ...(isSaid && { protocol }) } }
}

/** QUIC is what would be guessed, and what passes the checks of TLS by: it is opened by whoever writes it. */
const datagramsWithoutPort = mistake('names no port for its datagrams', 'such as "ntp.example.org:123/udp"')

/** As `readRule` reads it, in the form that is compared: `*.example.org:443,8443`, `ntp.example.org:123/udp`. */
export function formatRule({ host, ports, protocol }: Pick<NetworkRule, 'host' | 'ports' | 'protocol'>): string {
  const isEvery = ports.length === 1 && ports[0]?.from === 1 && ports[0].to === 65_535
  const text = isEvery ? formatHost(host) : `${formatHost(host)}:${formatPorts(ports)}`
  return protocol === undefined ? text : `${text}/${protocol}`
}

function formatHost(host: RuleHost): string {
  if (host.kind === 'name') return host.name
  if (host.kind === 'below') return `*.${host.name}`
  const { address, prefix, family } = host.range
  const text = isSingle(host.range) ? address : `${address}/${prefix}`
  return family === 6 ? `[${text}]` : text
}

interface Parts {
  readonly host: string
  readonly inBrackets: boolean
  /** What stands behind the colon. */
  readonly ports: string | undefined
}

function split(text: string): Reading<Parts> {
  if (text.trim() === '') return mistake('is empty', 'write a name, such as "api.github.com"')
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return mistake('is a URL', ruleInUrl(text))
  if (/\s/.test(text)) return mistake('has a space in it', 'write one name, with nothing around it')
  const bracketed = /^\[([^[\]]*)\](?::(.*))?$/.exec(text)
  if (bracketed) return { value: { host: bracketed[1] ?? '', inBrackets: true, ports: bracketed[2] } }
  if (/[[\]]/.test(text)) return mistake('has brackets that are not around an address', 'such as "[2001:db8::1]:443"')
  if (parseIp(text)?.family === 6 || text.split(':').length > 2) {
    return mistake('is no name with a port; an address of version 6 needs brackets', 'such as "[2001:db8::1]:443"')
  }
  const [host = '', ports] = text.split(':')
  if (host === '*') return mistake('would be every name that there is', 'name what is meant, such as "*.example.org"')
  const path = host.indexOf('/')
  if (path >= 0 && parseIp(host.slice(0, path)) === undefined)
    return mistake('has a path', suggested(host.slice(0, path)))
  return { value: { host, inBrackets: false, ports } }
}

function readHost(word: string, side: Side): Reading<RuleHost> {
  const [address = '', ...prefix] = word.split('/')
  const ip = parseIp(address)
  if (ip?.family === 4) return readRange(ip, prefix.length === 0 ? undefined : prefix.join('/'))
  const read = word.startsWith('*.') ? readBelow(word.slice(2), side === 'deny') : readName(word)
  if (read.mistake !== undefined) return read
  return { value: { kind: word.startsWith('*.') ? 'below' : 'name', name: read.value } }
}

function readBracketed(word: string, ports: string | undefined): Reading<RuleHost> {
  const [address = '', prefix, ...more] = word.split('/')
  if (address.includes('%')) {
    return mistake('has a zone, which is an interface of this host', 'leave out what begins with "%"')
  }
  const ip = parseIp(address)
  if (ip === undefined || more.length > 0) {
    return mistake('has something in its brackets that is no address of version 6', 'such as "[2001:db8::1]:443"')
  }
  if (ip.family === 4)
    return mistake('has brackets that mean version 6', `write ${formatIp(ip)}:${ports ?? defaultPort}`)
  const plain = withoutMapping(ip)
  if (plain.family === 4) {
    return mistake(`is ${formatIp(plain)}, written as version 6`, `write ${formatIp(plain)}, with the port behind it`)
  }
  return readRange(ip, prefix)
}

/** An address, or a range of them when there is a prefix. */
function readRange(ip: Ip, prefix: string | undefined): Reading<RuleHost> {
  const range = readPrefix(ip, prefix)
  if (range.mistake !== undefined) return range
  const wrong = whyNotRule(range.value)
  return wrong ?? { value: { kind: 'range', range: range.value } }
}

export function readPrefix(ip: Ip, prefix: string | undefined): Reading<AddressRange> {
  const most = width(ip.family)
  if (prefix === undefined) return { value: rangeOf(ip, most) }
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > most) {
    return mistake(
      `has a prefix that is not one of 0 to ${most}`,
      `such as "${ip.family === 4 ? '10.0.0.0/8' : 'fd00::/8'}"`,
    )
  }
  const range = rangeOf(ip, Number(prefix))
  if (networkOf(ip, range.prefix).bits === ip.bits) return { value: range }
  return mistake(
    `has bits behind its prefix of ${range.prefix}`,
    `write ${range.address}/${range.prefix} for the range, or ${formatIp(ip)} without a prefix for the one address`,
  )
}

function whyNotRule(range: AddressRange): { readonly mistake: { why: string; fix: string } } | undefined {
  const { kind, what } = blockOf(range)
  if ([synthetic.v4, synthetic.v6].some((own) => rangeWithin(range, own))) {
    return mistake('is in the range that stands for names inside', 'name the address that is meant')
  }
  if (kind === 'unspecified')
    return mistake('is no address that can be connected to', 'this machine itself is 127.0.0.1')
  if (kind === 'multicast') return mistake('is multicast, which has no connections', 'name an address')
  if (kind === 'link-local' && range.family === 6) {
    return mistake(`is ${what}: it means nothing without an interface`, 'name another address of the same machine')
  }
  return undefined
}

function portsWithout(side: Side): readonly PortRange[] {
  return side === 'allow' ? [{ from: defaultPort, to: defaultPort }] : everyPort
}

const portOfScheme: Readonly<Record<string, number>> = {
  'http:': 80,
  'ws:': 80,
  'ftp:': 21,
  'ssh:': 22,
  'git:': 9418,
  'postgres:': 5432,
  'postgresql:': 5432,
  'mysql:': 3306,
  'redis:': 6379,
  'mongodb:': 27_017,
}

function ruleInUrl(text: string): string {
  const datagrams = ruleOfUdpUrl(text)
  if (datagrams !== undefined) return suggested(datagrams)
  if (!URL.canParse(text)) return nameAlone
  const { hostname, port, protocol } = new URL(text)
  return suggested(`${hostname}:${port === '' ? (portOfScheme[protocol] ?? defaultPort) : port}`)
}

/** What was probably meant, if that is a rule. */
function suggested(text: string): string {
  const rule = readRule(text, 'allow')
  return rule.mistake === undefined ? `write "${formatRule(rule.value)}"` : nameAlone
}

const nameAlone = 'write the name alone, such as "api.github.com"'
