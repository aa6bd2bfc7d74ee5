import { isBound, placementText, type Placement, type Secret } from '../../policy/secrets.ts'
import { traceIn, type Trace } from './scan.ts'
import type { Placeholder } from './placeholder.ts'

/** The head of an HTTP/1.1 request to one host: strictly parsed before, written anew after. */
export interface RequestHead {
  readonly method: string
  /** Origin-form: `/path?query`, or `*`. */
  readonly path: string
  readonly headers: readonly Header[]
}

export type Header = readonly [name: string, value: string]

/** Whom a request goes to: what the connection was checked for, never what the request says. */
export interface RequestHost {
  /** Lower case, no final dot. */
  readonly name: string
  readonly port: number
  /** Without encryption. */
  readonly clear?: boolean
}

/**
 * Whether a secret may be in a request to this host. One whose TLS is read was meant to be under TLS: on a port that may be spoken on
 * in both ways it is not put into what everybody on the way can read.
 */
export function mayGo(secret: Secret, { name, port, clear = false }: RequestHost): boolean {
  return isBound(secret, name, port) && !(clear && secret.intercept && port !== httpPort)
}

/** Where nothing but HTTP is spoken: a host that is bound on it was meant so. */
const httpPort = 80

/** A secret with its value, in this process's memory. */
export interface Held {
  readonly secret: Secret
  readonly value: string
  readonly placeholder: Placeholder
}

export type Injected =
  /** `put`: the names of the secrets that are in it now. */
  | { readonly head: RequestHead; readonly put: readonly string[] }
  | { readonly refused: { readonly secret: string; readonly why: string; readonly fix: string } }

/**
 * A request as it goes out: placeholders in the place that their secret is bound to become the value, and a secret that is
 * bound to this host and was not spelled out is put in. A placeholder that goes anywhere else stops the request.
 */
export function injectRequest(
  head: RequestHead,
  host: RequestHost,
  { held, traces }: { held: readonly Held[]; traces: readonly Trace[] },
): Injected {
  const bound = held.filter(({ secret }) => mayGo(secret, host))
  // Looked for in what is left: a value may look like anything, a placeholder of another secret included.
  const stray = strayIn(
    bound.reduce((rest, each) => fill(rest, each, '').head, head),
    traces,
  )
  if (stray !== undefined) return { refused: { secret: stray, ...whyStray(stray, host, held) } }
  const put: string[] = []
  let out = bound.length === 0 ? head : uncompressed(head)
  for (const each of bound) {
    const filled = fill(out, each, each.value)
    if (filled.times > 0) put.push(each.secret.name)
    out = filled.head
  }
  for (const each of bound) {
    // Of several that belong into one place none is meant more than the others: the program says which, by its placeholder.
    const isAlone = bound.every((other) => other === each || !samePlace(other.secret.put, each.secret.put))
    if (!isAlone || put.includes(each.secret.name) || has(out, each.secret.put)) continue
    out = add(out, each.secret.put, each.value)
    put.push(each.secret.name)
  }
  return { head: out, put }
}

function strayIn({ method, path, headers }: RequestHead, traces: readonly Trace[]): string | undefined {
  const text = [method, path, ...headers.flat()].join('\n')
  const basic = headers.flatMap(([name, value]) =>
    /^(proxy-)?authorization$/i.test(name) ? (credentialsIn(value) ?? []) : [],
  )
  return traceIn(Buffer.from([text, ...basic].join('\n'), 'latin1'), traces)
}

function whyStray(name: string, host: RequestHost, held: readonly Held[]): { why: string; fix: string } {
  const own = held.find(({ secret }) => secret.name === name && isBound(secret, host.name, host.port))
  if (own !== undefined && !mayGo(own.secret, host)) {
    return {
      why: `the placeholder of the secret ${name} was sent to ${host.name}:${host.port} without TLS, and its TLS is what is read`,
      fix: `ask for https://${host.name}:${host.port}, or leave "intercept" out of secrets.${name} where it speaks HTTP`,
    }
  }
  if (own === undefined) {
    return {
      why: `the placeholder of the secret ${name} was sent to ${host.name}:${host.port}, which it is not bound to`,
      fix: `add "${host.name}:${host.port}" to secrets.${name}.hosts if it belongs there`,
    }
  }
  return {
    why: `the placeholder of the secret ${name} stands in a place that it is not bound to: it belongs into ${placementText(own.secret.put)}`,
    fix: `write "header", "query" or "basic" in secrets.${name} for where it stands`,
  }
}

/** A body that is compressed cannot be searched for the value (RFC 9110, 12.5.3). */
function uncompressed(head: RequestHead): RequestHead {
  const headers = head.headers.filter(([name]) => name.toLowerCase() !== 'accept-encoding')
  return { ...head, headers: [...headers, ['Accept-Encoding', 'identity']] }
}

/** The placeholder of one secret, in its own place, replaced. */
function fill(head: RequestHead, held: Held, value: string): { head: RequestHead; times: number } {
  const { put } = held.secret
  return put.in === 'query' ? fillQuery(head, put.name, held, value) : fillHeader(head, put, held, value)
}

function fillHeader(
  head: RequestHead,
  put: Exclude<Placement, { in: 'query' }>,
  { placeholder: { text } }: Held,
  value: string,
): { head: RequestHead; times: number } {
  const own = headerName(put)
  let times = 0
  const headers = head.headers.map(([name, before]): Header => {
    if (name.toLowerCase() !== own.toLowerCase()) return [name, before]
    const credentials = own === 'Authorization' ? credentialsIn(before) : undefined
    if (credentials?.includes(text) === true) {
      times++
      return [name, basicOf(credentials.replaceAll(text, () => Buffer.from(value).toString('latin1')))]
    }
    if (put.in === 'basic' || !before.includes(text)) return [name, before]
    times++
    return [name, before.replaceAll(text, () => value)]
  })
  return { head: { ...head, headers }, times }
}

function fillQuery(
  head: RequestHead,
  parameter: string,
  { placeholder: { text } }: Held,
  value: string,
): { head: RequestHead; times: number } {
  const { before, pairs } = split(head.path)
  let times = 0
  const filled = pairs.map((pair) => {
    if (!isNamed(pair, parameter) || !pair.includes(text)) return pair
    times++
    return pair.replaceAll(text, () => encodeURIComponent(value))
  })
  return { head: { ...head, path: times === 0 ? head.path : `${before}?${filled.join('&')}` }, times }
}

function has(head: RequestHead, put: Placement): boolean {
  if (put.in === 'query') return split(head.path).pairs.some((pair) => isNamed(pair, put.name))
  return head.headers.some(([name]) => name.toLowerCase() === headerName(put).toLowerCase())
}

function add(head: RequestHead, put: Placement, value: string): RequestHead {
  if (put.in === 'query') {
    const { before, pairs } = split(head.path)
    return { ...head, path: `${before}?${[...pairs, `${put.name}=${encodeURIComponent(value)}`].join('&')}` }
  }
  const text =
    put.in === 'basic'
      ? basicOf(Buffer.from(`${put.user}:${value}`).toString('latin1'))
      : [put.scheme, value].filter((word) => word !== undefined).join(' ')
  return { ...head, headers: [...head.headers, [headerName(put), text]] }
}

function headerName(put: Exclude<Placement, { in: 'query' }>): string {
  if (put.in === 'basic' || put.name.toLowerCase() === 'authorization') return 'Authorization'
  return put.name
}

function samePlace(a: Placement, b: Placement): boolean {
  if (a.in === 'query' || b.in === 'query') return a.in === 'query' && b.in === 'query' && a.name === b.name
  return headerName(a).toLowerCase() === headerName(b).toLowerCase()
}

function split(path: string): { before: string; pairs: string[] } {
  const at = path.indexOf('?')
  if (at < 0) return { before: path, pairs: [] }
  const query = path.slice(at + 1)
  return { before: path.slice(0, at), pairs: query === '' ? [] : query.split('&') }
}

function isNamed(pair: string, name: string): boolean {
  return pair === name || pair.startsWith(`${name}=`)
}

/** User and password of basic authentication, each byte a character; undefined for anything else. */
function credentialsIn(value: string): string | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})\s*$/i.exec(value) ?? []
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('latin1')
}

function basicOf(credentials: string): string {
  return `Basic ${Buffer.from(credentials, 'latin1').toString('base64')}`
}
