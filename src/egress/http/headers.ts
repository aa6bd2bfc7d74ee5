export type Header = readonly [name: string, value: string]

/** Node's flat list, as pairs. */
export function pairsOf(raw: readonly string[]): Header[] {
  return Array.from({ length: raw.length >> 1 }, (_, at) => [raw[2 * at] ?? '', raw[2 * at + 1] ?? ''] as const)
}

/** Pairs, as Node's flat list. */
export function flat(headers: readonly Header[]): string[] {
  return headers.flatMap(([name, value]) => [name, value])
}

/** For one hop only (RFC 9110, 7.6.1), and those that a proxy's client sends to the proxy. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What goes on to the next hop: without what is for this one, and what Connection says is. */
export function endToEnd(headers: readonly Header[]): Header[] {
  const named = headers
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(','))
    .map((name) => name.trim())
  // A request that names these as its own hop's would lose what we checked.
  const dropped = new Set(named.filter((name) => !['host', 'content-length', 'authorization', 'cookie'].includes(name)))
  return headers.filter(([name]) => {
    const lower = name.toLowerCase()
    return !hopByHop.has(lower) && !dropped.has(lower)
  })
}

/** Fields that say how a message is to be read or who sent it have no place behind it (RFC 9110, 6.5.1). */
const neverTrailers: ReadonlySet<string> = new Set([
  ...hopByHop,
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'host',
  'set-cookie',
])

export function asTrailers(raw: readonly string[]): [string, string][] {
  return pairsOf(raw)
    .filter(([name]) => !neverTrailers.has(name.toLowerCase()))
    .map(([name, value]) => [name, value])
}
