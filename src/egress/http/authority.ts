import { bracketed, withPort } from '../../protocol/endpoint.ts'
import { canonicalAddress } from '../address.ts'
import { normalName } from '../host-name.ts'
import type { Target } from '../rules.ts'

/**
 * `host`, `host:80`, `[::1]:80`, as Host headers, CONNECT and URLs have it (RFC 3986, 3.2.2), without user information.
 * Undefined for what is none, and for numbers that some would take for an address.
 */
export function parseAuthority(text: string, defaultPort: number | undefined): Target | undefined {
  const [, v6, plain, digits] = /^(?:\[([0-9a-f:.]+)\]|([^\s:@/?#[\]\\]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const port = digits === undefined ? defaultPort : Number(digits)
  if (port === undefined || port < 1 || port > 0xffff) return undefined
  return parseHost(v6 ?? plain ?? '', port)
}

export function parseHost(host: string, port: number): Target | undefined {
  const address = canonicalAddress(host)
  if (address !== undefined) return { address, port }
  const name = host.includes(':') ? undefined : normalName(host)
  return name === undefined ? undefined : { name, port }
}

export function isSame(one: Target, other: Target): boolean {
  return one.port === other.port && hostOf(one) === hostOf(other)
}

export function hostOf(target: Target): string {
  return 'name' in target ? target.name : target.address
}

/** What a Host header says: without the port that goes without saying. */
export function hostHeader(target: Target, defaultPort: number): string {
  const host = hostOf(target)
  return target.port === defaultPort ? bracketed(host) : withPort(host, target.port)
}
