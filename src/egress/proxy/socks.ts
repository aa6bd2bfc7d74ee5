import type { Target } from '../rules.ts'
import { parseHost } from '../http/authority.ts'

/** What a client of SOCKS5 (RFC 1928) has said so far: how many bytes of it were read, and what it gets to hear. */
export type SocksStep =
  | { readonly kind: 'more' }
  /** To be answered with `reply`, and then ended. */
  | { readonly kind: 'refuse'; readonly reply: Buffer; readonly reason: string }
  | { readonly kind: 'greeted'; readonly bytes: number; readonly reply: Buffer }
  | { readonly kind: 'connect'; readonly bytes: number; readonly target: Target }

export const version5 = 5
export const version4 = 4

const noAuthentication = 0
const noneAcceptable = 0xff

/** The first message: which ways to authenticate the client has. Ours is none. */
export function readGreeting(bytes: Buffer): SocksStep {
  const count = bytes[1]
  if (count === undefined || bytes.length < 2 + count) return { kind: 'more' }
  if (bytes.subarray(2, 2 + count).includes(noAuthentication)) {
    return { kind: 'greeted', bytes: 2 + count, reply: Buffer.of(version5, noAuthentication) }
  }
  return { kind: 'refuse', reply: Buffer.of(version5, noneAcceptable), reason: 'SOCKS5 with a password' }
}

/** RFC 1928, 6 */
export const socksReply = { granted: 0, failed: 1, denied: 2, unreachable: 4, noCommand: 7, noAddressType: 8 } as const

export type SocksReply = keyof typeof socksReply

const connect = 1
const addressTypes = { v4: 1, name: 3, v6: 4 } as const

/** The second message: whom to connect to. */
export function readRequest(bytes: Buffer): SocksStep {
  if (bytes.length < 5) return { kind: 'more' }
  const [version, command, , type, first = 0] = bytes
  if (version !== version5) return refuse('failed', 'SOCKS5 that changes its version')
  // BIND would listen for others, UDP ASSOCIATE would carry datagrams.
  if (command !== connect) return refuse('noCommand', 'SOCKS5 for something other than a connection')
  const length =
    type === addressTypes.v4 ? 4 : type === addressTypes.v6 ? 16 : type === addressTypes.name ? first + 1 : undefined
  if (length === undefined) return refuse('noAddressType', 'SOCKS5 with an address of no known type')
  const end = 4 + length
  if (bytes.length < end + 2) return { kind: 'more' }
  const target = parseHost(hostOf(bytes.subarray(4, end), type), bytes.readUInt16BE(end))
  if (target === undefined || target.port === 0) return refuse('failed', 'SOCKS5 for a name that is none')
  return { kind: 'connect', bytes: end + 2, target }
}

function hostOf(bytes: Buffer, type: number | undefined): string {
  if (type === addressTypes.v4) return [...bytes].join('.')
  if (type === addressTypes.name) return bytes.toString('latin1', 1)
  return Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16)).join(':')
}

function refuse(reply: SocksReply, reason: string): SocksStep {
  return { kind: 'refuse', reply: encodeReply(reply), reason }
}

/** The address that we connect from is nobody's business: zeros. */
export function encodeReply(reply: SocksReply): Buffer {
  return Buffer.from([version5, socksReply[reply], 0, addressTypes.v4, 0, 0, 0, 0, 0, 0])
}

/** "Request rejected or failed" of SOCKS4. */
export const socks4Rejection: Buffer = Buffer.from([0, 91, 0, 0, 0, 0, 0, 0])
