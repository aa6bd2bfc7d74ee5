import { withPort } from '../../protocol/endpoint.ts'
import type { AddressRange, ResolverAddress } from '../network.ts'
import { blockOf } from './address.ts'
import { formatIp, formatRange, isSingle, parseIp, withoutMapping } from './ip.ts'
import { readPorts } from './ports.ts'
import { mistake, type Reading } from './reading.ts'
import { readPrefix } from './rule.ts'

/** `9.9.9.9`, `10.0.0.2:5353`, `2620:fe::fe`, `[2620:fe::fe]:53`. */
export function readResolver(text: string): Reading<ResolverAddress> {
  const [, bracketed, v4, word] = /^(?:\[([^[\]]*)\](?=:|$)|([\d.]+)(?=:\d*$)|([^[\]]*$))/.exec(text) ?? []
  const given = bracketed ?? v4 ?? word ?? ''
  const ip = parseIp(given)
  if (ip === undefined || (bracketed !== undefined && ip.family === 4)) {
    return mistake('is not the address of a name server', 'such as "9.9.9.9" or "[2620:fe::fe]:53"')
  }
  const { kind } = blockOf({ address: formatIp(ip), prefix: ip.family === 4 ? 32 : 128, family: ip.family })
  if (kind === 'unspecified' || kind === 'multicast') {
    return mistake('is no address that can be asked', 'such as "9.9.9.9"; a name server of this machine is 127.0.0.1')
  }
  const rest = word === undefined ? text.slice(given.length + (bracketed === undefined ? 0 : 2)) : ''
  if (rest === '') return { value: { address: formatIp(withoutMapping(ip)), port: 53 } }
  const ports = readPorts(rest.slice(1))
  if (ports.mistake !== undefined) return ports
  const [{ from, to } = { from: 53, to: 53 }, ...more] = ports.value
  if (from !== to || more.length > 0) return mistake('has more than one port', 'name one port, or none for 53')
  return { value: { address: formatIp(withoutMapping(ip)), port: from } }
}

export function formatResolver({ address, port }: ResolverAddress): string {
  return withPort(address, port)
}

/**
 * `10.0.0.0/8`, `fd00::/8`: where allowed names may live besides the public internet. A range is one of one kind of
 * addresses: what is wider would also be so for those that nobody had in mind.
 */
export function readPrivateRange(text: string): Reading<AddressRange> {
  const [, address = '', prefix] = /^\[?([^[\]/]*)(?:\/([^[\]]*))?\]?$/.exec(text) ?? []
  const ip = parseIp(address)
  if (ip === undefined) return mistake('is not a range of addresses', 'such as "10.0.0.0/8" or "fd00::/8"')
  if (prefix === undefined) {
    return mistake('is one address and not a range of addresses', `write ${formatIp(ip)}/${ip.family === 4 ? 32 : 128}`)
  }
  const range = readPrefix(ip, prefix)
  return range.mistake === undefined ? oneKind(range.value) : range
}

function oneKind(range: AddressRange): Reading<AddressRange> {
  const { kind, what } = blockOf(range)
  const plain = withoutMapping(parseIp(range.address) ?? { family: 6, bits: 0n })
  if (plain.family !== range.family) {
    return mistake('is a range of version 4 in the form of version 6', 'write it as version 4, such as "10.0.0.0/8"')
  }
  if (kind === 'public') {
    const isPart = range.prefix >= 8
    return isPart
      ? mistake('is public: names may live there anyway', 'leave it out')
      : mistake('is wider than any range of private addresses', 'name the ranges that are meant, such as "10.0.0.0/8"')
  }
  if (kind === 'metadata') {
    return mistake(
      `is ${what}`,
      `name the address in "allow" if that is meant: "${isSingle(range) ? range.address : formatRange(range)}:80"`,
    )
  }
  if (kind === 'unspecified' || kind === 'multicast') return mistake(`is ${what}: nobody lives there`, 'leave it out')
  return { value: range }
}
