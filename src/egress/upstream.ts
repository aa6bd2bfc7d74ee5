import { BlockList } from 'node:net'
import { GloveboxError } from '../errors.ts'
import { canonicalAddress } from './address.ts'
import { normalName } from './host-name.ts'
import type { Target } from './rules.ts'

/** A proxy that the host's environment names. */
export interface HostProxy {
  readonly host: string
  readonly port: number
  readonly secure: boolean
  /** The value of Proxy-Authorization: a secret. */
  readonly authorization: string | undefined
}

/** Which connections the host makes through a proxy, as curl and most others read these variables. */
export interface Upstream {
  /** For bytes of any kind: asked by CONNECT. */
  proxyFor(target: Target): HostProxy | undefined
  /** For a request in the clear: sent to it whole. */
  httpProxyFor(target: Target): HostProxy | undefined
  /** What can then not be checked, for the receipt; undefined where everything is. */
  readonly uncheckedAddresses: string | undefined
}

/** @throws GloveboxError HOST_CANNOT for a proxy that is not spoken with */
export function upstreamOf(env: Readonly<Record<string, string | undefined>>): Upstream {
  const read = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined
  const proxyOf = (...names: readonly string[]): HostProxy | undefined => {
    const name = names.find((each) => read(each) !== undefined)
    return name === undefined ? undefined : parseProxy(name, read(name) ?? '')
  }
  const http = proxyOf('HTTP_PROXY', 'ALL_PROXY')
  const https = proxyOf('HTTPS_PROXY', 'ALL_PROXY')
  const isDirect = directTargets(read('NO_PROXY') ?? '')
  return {
    proxyFor: (target) => (isDirect(target) ? undefined : target.port === 80 ? (http ?? https) : https),
    httpProxyFor: (target) => (isDirect(target) ? undefined : http),
    uncheckedAddresses:
      http === undefined && https === undefined
        ? undefined
        : 'names are resolved by the proxy of this host, so the ranges that their addresses may be in are not checked',
  }
}

function parseProxy(variable: string, text: string): HostProxy {
  // `proxy:3128` is what people write.
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    // Not the value: there may be a password in it.
    throw new GloveboxError('HOST_CANNOT', `${variable} names no proxy for HTTP: a network cannot be had through it`, {
      fix: `set ${variable} to http://HOST:PORT or https://HOST:PORT, unset it, or name the servers in NO_PROXY`,
    })
  }
  const secure = url.protocol === 'https:'
  const user = `${decoded(url.username)}:${decoded(url.password)}`
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    secure,
    authorization: user === ':' ? undefined : `Basic ${Buffer.from(user).toString('base64')}`,
  }
}

/** As curl has it: a `%` that begins no encoding stands for itself. */
function decoded(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded)
    } catch (error) {
      if (error instanceof URIError) return encoded
      throw error
    }
  })
}

/** `example.org`, `.example.org`, `10.0.0.0/8`, `host:8080`, `*`, by comma or space. */
function directTargets(list: string): (target: Target) => boolean {
  const entries = list.split(/[\s,]+/).filter((entry) => entry !== '')
  const tests = entries.map(directTarget)
  return (target) => tests.some((isDirect) => isDirect(target))
}

function directTarget(entry: string): (target: Target) => boolean {
  if (entry === '*') return () => true
  const [, bare = entry, port] = /^([^:]+|\[[^\]]+\]):(\d{1,5})$/.exec(entry) ?? []
  const host = bare.replace(/^\[(.*)\]$/, '$1')
  const [address = '', bits] = host.split('/')
  const canonical = canonicalAddress(address)
  const name = normalName(host.replace(/^\*?\./, ''))
  return (target) => {
    if (port !== undefined && target.port !== Number(port)) return false
    if ('name' in target) return name !== undefined && (target.name === name || target.name.endsWith(`.${name}`))
    return canonical !== undefined && isWithin(target.address, canonical, bits)
  }
}

function isWithin(address: string, network: string, bits: string | undefined): boolean {
  if (bits === undefined) return address === network
  const family = network.includes(':') ? 'ipv6' : 'ipv4'
  const width = family === 'ipv6' ? 128 : 32
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > width) return false
  const list = new BlockList()
  list.addSubnet(network, Number(bits), family)
  return list.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
}
