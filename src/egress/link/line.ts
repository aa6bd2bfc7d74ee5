import type { FromRelay } from '../../protocol/egress-link.ts'
import { canonicalAddress } from '../address.ts'

/** The longest line either way (`egress-link.ts`). */
export const maxLineBytes: number = 64 * 1024

/** The first line of a connection: which of the two kinds it is. Undefined: neither. */
export function parseGreeting(line: string): 'link' | { readonly carry: number } | undefined {
  const value = objectOf(line)
  if (value?.['link'] === 1) return 'link'
  const carry = value?.['carry']
  return isId(carry) ? { carry } : undefined
}

/** A line of the relay's; undefined for what is none. Addresses come out canonical. */
export function parseFromRelay(line: string): FromRelay | undefined {
  const value = objectOf(line)
  const id = value?.['id']
  if (value === undefined || !isId(id)) return undefined
  const [kind, more] = Object.keys(value).filter((key) => key !== 'id')
  if (kind === undefined || more !== undefined) return undefined
  const said = value[kind]
  if (kind === 'query') return isBase64(said) ? { id, query: said } : undefined
  if (typeof said !== 'object' || said === null) return undefined
  const fields = said as Readonly<Record<string, unknown>>
  switch (kind) {
    case 'opened': {
      const address = addressOf(fields['address'])
      const port = fields['port']
      return address !== undefined && isPort(port) ? { id, opened: { address, port } } : undefined
    }
    case 'datagrams': {
      const address = addressOf(fields['address'])
      const port = fields['port']
      return address !== undefined && isPort(port) ? { id, datagrams: { address, port } } : undefined
    }
    case 'first': {
      const { bytes, end } = fields
      return isBase64(bytes) && typeof end === 'boolean' ? { id, first: { bytes, end } } : undefined
    }
    case 'connected': {
      const address = addressOf(fields['address'])
      return address === undefined ? undefined : { id, connected: { address } }
    }
    case 'failed': {
      const { errno } = fields
      return isCount(errno) ? { id, failed: { errno } } : undefined
    }
    case 'closed': {
      const { sent, received, reason } = fields
      return isCount(sent) && isCount(received) && isReason(reason)
        ? { id, closed: { sent, received, reason } }
        : undefined
    }
    default:
      return undefined
  }
}

type CloseReason = Extract<FromRelay, { readonly closed: unknown }>['closed']['reason']

const reasons: Readonly<Record<CloseReason, true>> = {
  end: true,
  reset: true,
  idle: true,
  limit: true,
  refused: true,
  handed: true,
  failed: true,
}

function isReason(value: unknown): value is CloseReason {
  return typeof value === 'string' && Object.hasOwn(reasons, value)
}

function objectOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0
}

function isPort(value: unknown): value is number {
  return isCount(value) && value > 0 && value <= 0xffff
}

function isBase64(value: unknown): value is string {
  return typeof value === 'string' && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value)
}

function addressOf(value: unknown): string | undefined {
  return typeof value === 'string' ? canonicalAddress(value) : undefined
}
