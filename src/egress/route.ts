import { messageOf } from '../errors.ts'
import type { Refusal } from './record/book.ts'
import type { Rules, Target } from './rules.ts'
import type { HostProxy, Upstream } from './upstream.ts'

/** How a target is reached, once every check on it has passed. */
export type Route =
  | { readonly kind: 'direct'; readonly rule: string; readonly addresses: readonly string[] }
  | { readonly kind: 'proxy'; readonly rule: string; readonly proxy: HostProxy }
  | Refusal

export interface RouterOptions {
  readonly rules: Rules
  /** The addresses of a name. */
  readonly lookup: (name: string) => Promise<readonly string[]>
  readonly upstream: Upstream
}

/** `clear`: for requests in the clear, which a proxy of the host's is sent whole. */
export type Router = (target: Target, how: { readonly clear: boolean }) => Promise<Route>

/**
 * Decides about a target, looks it up, and leaves only those addresses that the policy lets names have. What comes out is
 * what is connected to, and nothing is looked up again: a name that changes meanwhile changes nothing (rebinding).
 */
export function createRouter({ rules, lookup, upstream }: RouterOptions): Router {
  return async (target, { clear }) => {
    const { allowed, rule } = rules.decide(target)
    if (!allowed) return { kind: 'refused', rule, reason: 'no rule allows it' }
    const proxy = clear ? upstream.httpProxyFor(target) : upstream.proxyFor(target)
    if (proxy !== undefined) return { kind: 'proxy', rule, proxy }
    if ('address' in target) return { kind: 'direct', rule, addresses: [target.address] }
    try {
      return checked(await lookup(target.name), target, rule, rules)
    } catch (error) {
      return { kind: 'failed', rule, reason: `${target.name} was not found: ${codeOf(error)}` }
    }
  }
}

/**
 * More are not tried. An answer of the DNS may have thousands, and whose it is need not wish us well: all of them in a line
 * would be more than the relay reads, and in the record of each connection more than a program should be able to write.
 */
const maxAddresses = 32

function checked(found: readonly string[], { port, udp }: Target, rule: string, { mayConnect }: Rules): Route {
  const by = udp === true ? 'udp' : 'tcp'
  const whyNot = new Map(found.map((address) => [address, mayConnect(address, port, by)]))
  const addresses = found.filter((address) => whyNot.get(address) === undefined).slice(0, maxAddresses)
  if (addresses.length > 0) return { kind: 'direct', rule, addresses }
  const [reason] = whyNot.values()
  if (reason === undefined) return { kind: 'failed', rule, reason: 'the name has no address' }
  return { kind: 'refused', rule: 'network.address', reason }
}

/** `ENOTFOUND`: the message of a system's error repeats what it was about. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : messageOf(error)
}
