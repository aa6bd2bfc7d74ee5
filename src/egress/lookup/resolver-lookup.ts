import { Resolver } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { withPort } from '../../protocol/endpoint.ts'
import type { ResolverAddress } from '../../policy/network.ts'
import { canonicalAddress } from '../address.ts'
import { normalName } from '../host-name.ts'
import { lookupError, lookupTimeoutMs, type Found, type Lookup } from './lookup.ts'

/** As many as other resolvers follow; a chain that is longer is a ring. */
const maxAliases = 8

/** By the resolvers that the policy names, and by nothing else: neither `/etc/hosts` nor the host's own. */
export function resolverLookup(servers: readonly ResolverAddress[]): Lookup {
  const resolver = new Resolver({ timeout: lookupTimeoutMs / 2, tries: 2 })
  resolver.setServers(servers.map(({ address, port }) => withPort(address, port)))
  return async (name) => {
    let asked = name
    for (let alias = 0; alias <= maxAliases; alias++) {
      const found = await addressesOf(resolver, asked)
      if (found !== undefined) return found
      // A server that does not follow for us names the next one.
      asked = await aliasOf(resolver, asked)
    }
    throw lookupError('ELOOP')
  }
}

/** Version 6 first, as RFC 6724 would have it where both can be reached. Undefined: there is none. */
async function addressesOf(resolver: Resolver, name: string): Promise<Found | undefined> {
  const results = await settledSoon([resolver.resolve6(name, { ttl: true }), resolver.resolve4(name, { ttl: true })])
  const records = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
  if (records.length > 0) {
    return {
      addresses: records.flatMap(({ address }) => canonicalAddress(address) ?? []),
      holdsMs: Math.min(...records.map(({ ttl }) => ttl)) * 1000,
    }
  }
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []))
  const real = failures.find((error) => !('code' in error) || error.code !== 'ENODATA')
  if (real !== undefined) throw real
  return undefined
}

/** How long one question is waited for when the other one has its answer: there are servers that never answer for version 6 (RFC 8305, 3). */
const othersMs = 500

/** What has been settled when all are, or a little after the first that was answered. */
async function settledSoon<T>(asked: readonly Promise<T>[]): Promise<PromiseSettledResult<T>[]> {
  const settled: PromiseSettledResult<T>[] = []
  const all = Promise.allSettled(
    asked.map(async (each, at) => {
      const [result] = await Promise.allSettled([each])
      settled[at] = result
    }),
  )
  const first = Promise.any(asked).then(async () => sleep(othersMs, undefined, { ref: false }))
  await Promise.race([all, first.catch(() => all)])
  return settled.filter((result) => result !== undefined)
}

async function aliasOf(resolver: Resolver, name: string): Promise<string> {
  const [alias] = await resolver.resolveCname(name)
  const next = alias === undefined ? undefined : normalName(alias)
  if (next === undefined) throw lookupError('ENOTFOUND')
  return next
}
