import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { aborted } from '../../system/aborted.ts'
import type { NetworkWords } from '../../policy/network/words.ts'
import { readPrivateRange } from '../../policy/network/resolver.ts'

/** Whom an installer may talk to: the servers of these addresses, and nobody else. */
export type Reach = Pick<NetworkWords, 'allow' | 'private'>

/** An index whose files are known to lie elsewhere. */
const companions: Readonly<Record<string, readonly string[]>> = { 'pypi.org:443': ['files.pythonhosted.org:443'] }

/**
 * The rules for registries at these addresses. One that this machine has configured may live in a private network: then its
 * name may lead to where it leads now, and to nothing else that is private.
 * `more`: further rules of the user's.
 */
export async function reachOf(urls: readonly string[], more: readonly string[], signal?: AbortSignal): Promise<Reach> {
  const places = [...new Set(urls.filter((url) => /^https?:/i.test(url)).map(placeOf))]
  const ranges = await Promise.all(places.map(async (place) => privateRanges(place, signal)))
  return {
    allow: [...new Set([...places.flatMap((place) => [place, ...(companions[place] ?? [])]), ...more])],
    private: [...new Set(ranges.flat())],
  }
}

/** `host:port`, as a rule has it. */
export function placeOf(text: string): string {
  const { protocol, hostname, port } = new URL(text)
  return `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`
}

async function privateRanges(place: string, signal: AbortSignal | undefined): Promise<string[]> {
  const host = place.replace(/:\d+$/, '')
  if (isIP(host.replace(/^\[(.*)\]$/, '$1')) > 0) return []
  const unwanted = signal === undefined ? [] : [aborted(signal)]
  const found = await Promise.race([lookup(host, { all: true }).catch(notFound), ...unwanted])
  const ranges = found.map(({ address, family }) => `${address}/${family === 4 ? 32 : 128}`)
  // What is public needs no range, and what is no range of private addresses (a metadata service) gets none.
  return ranges.filter((range) => readPrivateRange(range).mistake === undefined)
}

/** Behind a proxy names are often nobody's here; and who is really not there is told by the attempt. */
function notFound(): [] {
  return []
}
