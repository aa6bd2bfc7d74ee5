import type { Target } from '../rules.ts'
import { hostHeader, isSame, parseAuthority } from './authority.ts'
import { pairsOf, type Header } from './headers.ts'

/** The head of a request, checked: what is sent on is made of this and of nothing else. */
export interface RequestHead {
  readonly method: string
  /** `/path?query`, or `*`. */
  readonly path: string
  /** Without Host and without what is for one hop only. */
  readonly headers: readonly Header[]
  readonly to: Target
  /** Whether it goes out over TLS. */
  readonly secure: boolean
}

export interface RawHead {
  readonly method: string
  readonly url: string
  readonly version: string
  readonly rawHeaders: readonly string[]
}

export type Checked =
  | { readonly to: Target; readonly path: string }
  /** 400: it could be read in more than one way. 403: it is for another host. */
  | { readonly status: 400 | 403; readonly rule: string; readonly reason: string }

/**
 * What the parser leaves to its user (RFC 9112, 3.2 and 6.1): that there is one Host, that it is the host of the connection,
 * and that the body has one length. Node's parser refuses the rest: two lengths, folded lines, bare line ends, bad chunks.
 * `origin`: whom the connection is for; undefined on a proxy's, where each request says it.
 */
export function checkHead(raw: RawHead, { origin, secure }: { origin: Target | undefined; secure: boolean }): Checked {
  const defaultPort = secure ? 443 : 80
  const headers = pairsOf(raw.rawHeaders)
  const valuesOf = (name: string): string[] =>
    headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
  if (raw.version !== '1.1' && raw.version !== '1.0') return ambiguous('it is not of HTTP/1.1')
  const [encoding, ...moreEncodings] = valuesOf('transfer-encoding')
  if (encoding !== undefined) {
    // Of other codings, and under HTTP/1.0, servers differ on where the body ends.
    const plain = encoding.trim().toLowerCase() === 'chunked' && moreEncodings.length === 0
    if (!plain || raw.version === '1.0') return ambiguous('its transfer coding is not just "chunked"')
    if (valuesOf('content-length').length > 0) return ambiguous('it has two lengths')
  }
  const [host, ...moreHosts] = valuesOf('host')
  if (host === undefined || moreHosts.length > 0) return ambiguous('it does not have exactly one Host')
  const named = parseAuthority(host, defaultPort)
  if (named === undefined) return ambiguous('its Host is none')
  const target = parseTarget(raw, defaultPort)
  if (target === undefined) return ambiguous('its target is none')
  if (target.to !== undefined && !isSame(target.to, named)) return ambiguous('its target and its Host are not the same')
  const to = target.to ?? (origin === undefined ? undefined : named)
  if (to === undefined) return ambiguous('a proxy is asked with the whole address')
  if (origin !== undefined && !isSame(to, origin)) {
    return {
      status: 403,
      rule: 'network.host',
      reason: `a request for ${hostHeader(to, defaultPort)} on a connection to another host`,
    }
  }
  return { to, path: target.path }
}

function ambiguous(reason: string): Checked {
  return { status: 400, rule: 'network.protocol', reason: `an HTTP request that is refused: ${reason}` }
}

/** RFC 9112, 3.2: what the request line has between the method and the version. `to`: where it says so itself. */
function parseTarget({ method, url }: RawHead, defaultPort: number): { to?: Target; path: string } | undefined {
  // Nothing outside of plain ASCII: what is, and `#`, is read differently by different servers.
  if (!/^[\u{21}\u{22}\u{24}-\u{7e}]+$/u.test(url)) return undefined
  if (url.startsWith('/')) return { path: url }
  if (url === '*') return method === 'OPTIONS' ? { path: url } : undefined
  const [, scheme, authority = '', path = ''] = /^(https?):\/\/([^/?]*)(.*)$/i.exec(url) ?? []
  if (scheme?.toLowerCase() !== (defaultPort === 443 ? 'https' : 'http')) return undefined
  const to = parseAuthority(authority, defaultPort)
  return to === undefined ? undefined : { to, path: path.startsWith('/') ? path : `/${path}` }
}
