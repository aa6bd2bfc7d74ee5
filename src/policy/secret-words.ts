import { GloveboxError } from '../errors.ts'
import type { Placement, Secret, SecretHost, SourceKind } from './secrets.ts'

/** A secret as the words of a configuration or a flag have it. */
export interface SecretWords {
  readonly from: string
  readonly hosts?: readonly string[]
  readonly header?: string
  readonly query?: string
  readonly basic?: string
  readonly intercept?: boolean
  readonly expose?: 'env'
}

/** What is wrong with such words: at which key, why, and what would do. */
export interface SecretFault {
  readonly key: keyof SecretWords
  readonly why: string
  readonly fix: string
}

const sourceWords = '"env:NAME", "file:PATH", "cmd:PROGRAM WORDS" or "keyring:SERVICE/ACCOUNT"'
const sourcePattern = /^(env|file|cmd|keyring):(.+)$/s
/** RFC 9110, 5.6.2: a token. */
const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

/** What of a request is not ours to set: framing, routing, and what belongs to the connection. */
const takenHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The first thing that is wrong; undefined when `toSecret` has nothing to complain about. Never with a text that may be a value. */
export function secretFault(words: SecretWords): SecretFault | undefined {
  return sourceFault(words) ?? exposeFault(words) ?? hostsFault(words) ?? placementFault(words) ?? tlsFault(words)
}

/** @throws GloveboxError POLICY_INVALID */
export function toSecret(name: string, words: SecretWords): Secret {
  const fault = secretFault(words)
  const [, kind, at] = sourcePattern.exec(words.from) ?? []
  if (fault !== undefined || kind === undefined || at === undefined) {
    const { key, why, fix } = fault ?? { key: 'from', why: 'not a source', fix: `write ${sourceWords}` }
    throw new GloveboxError('POLICY_INVALID', `secrets.${name}.${key}: ${why}`, { fix })
  }
  return {
    name,
    from: { kind: kind as SourceKind, at },
    hosts: (words.hosts ?? []).map(toHost),
    put: placementOf(words),
    intercept: words.intercept ?? false,
    exposed: words.expose !== undefined,
  }
}

function sourceFault({ from }: SecretWords): SecretFault | undefined {
  const [, kind, at = ''] = sourcePattern.exec(from) ?? []
  const fault = (why: string, fix: string): SecretFault => ({ key: 'from', why, fix })
  if (kind === undefined) {
    // Not with the text: it may be the value, which somebody hoped could stand there.
    const why =
      'this is not a source of a secret, and a value never stands here: files and command lines are read by others'
    return fault(why, `write ${sourceWords}`)
  }
  if (/\p{Cc}/u.test(at)) return fault('there is a control character in this source', 'remove it')
  if (kind === 'env' && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(at)) {
    return fault('behind "env:" stands the name of a variable', 'such as "env:GITHUB_TOKEN"')
  }
  if (kind === 'keyring' && !/^.+\/[^/]+$/s.test(at)) {
    return fault('behind "keyring:" stand a service and an account', 'such as "keyring:api.github.com/me"')
  }
  if (at.trim() === '') return fault(`there is nothing behind "${kind}:"`, `write ${sourceWords}`)
  return undefined
}

function exposeFault({ expose, hosts = [], header, query, basic, intercept }: SecretWords): SecretFault | undefined {
  if (expose === undefined) {
    if (hosts.length > 0) return undefined
    const fix = 'name the hosts that it is for, or write "expose": "env" to put the value itself into the sandbox'
    return { key: 'hosts', why: 'a secret without a host can be put in nowhere', fix }
  }
  const other =
    hosts.length > 0 || header !== undefined || query !== undefined || basic !== undefined || intercept === true
  if (!other) return undefined
  const why =
    'an exposed secret is in the sandbox, which can send it anywhere: hosts and places in requests mean nothing'
  return { key: 'expose', why, fix: 'leave "expose" out, or the others' }
}

function hostsFault({ hosts = [] }: SecretWords): SecretFault | undefined {
  const wrong = hosts.find((text) => !isHost(text))
  if (wrong === undefined) return undefined
  const why = `${JSON.stringify(wrong.slice(0, 80))} is not a name with a port`
  const fix =
    'such as "api.github.com", "*.example.org" or "db.internal:8080"; an address by a name of it, in /etc/hosts too'
  return { key: 'hosts', why, fix }
}

function placementFault({ header, query, basic }: SecretWords): SecretFault | undefined {
  const given = [header, query, basic].filter((word) => word !== undefined)
  if (given.length > 1) {
    const why = 'a secret stands in one place of a request: a header, the query, or basic authentication'
    return { key: header === undefined ? 'query' : 'header', why, fix: 'leave the others out' }
  }
  if (header !== undefined) return headerFault(header)
  if (query !== undefined && !/^[A-Za-z0-9._~-]+$/.test(query)) {
    return { key: 'query', why: 'this is not the name of a parameter', fix: 'such as "api_key"' }
  }
  // RFC 7617, 2: a user id has no colon, and control characters would end the header.
  if (basic !== undefined && /[:\p{Cc}]/u.test(basic)) {
    return { key: 'basic', why: 'the name of a user has no colon and no control character', fix: 'such as "x-token"' }
  }
  return undefined
}

function headerFault(header: string): SecretFault | undefined {
  const { name, scheme } = headerOf(header)
  const fix = 'such as "Authorization: Bearer", "Authorization: token" or "X-Api-Key"'
  if (!token.test(name) || (scheme !== undefined && !/^[\x21-\x7e]+$/.test(scheme))) {
    return { key: 'header', why: 'this is not the name of a header, with a word before the secret or without', fix }
  }
  if (takenHeaders.has(name.toLowerCase())) {
    return { key: 'header', why: `the header ${name} belongs to the connection`, fix }
  }
  return undefined
}

/** By port: what 443 carries is TLS. On others it shows when the connection is made. */
function tlsFault({ hosts = [], intercept }: SecretWords): SecretFault | undefined {
  const host = intercept === true ? undefined : hosts.map(toHost).find(({ port }) => port === 443)
  if (host === undefined) return undefined
  return {
    key: 'intercept',
    why: `${host.text} is spoken to over TLS, and a secret can be put into that only where it is read`,
    fix: 'write "intercept": true: what this sandbox says to the hosts of this secret is then decrypted here',
  }
}

const label = '[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?'
const hostPattern = new RegExp(`^(\\*\\.)?(${label}(?:\\.${label})*)(?::(\\d{1,5}))?$`)

function toHost(text: string): SecretHost {
  const [, star, name = '', port] = hostPattern.exec(text) ?? []
  return { text, name: name.toLowerCase(), below: star !== undefined, port: port === undefined ? 443 : Number(port) }
}

/** A name: what ends in a number is an address to whoever looks it up (inet_aton(3)). */
function isHost(text: string): boolean {
  const { name, port } = toHost(text)
  return hostPattern.test(text) && !/(^|\.)(\d+|0x[\da-f]*)$/.test(name) && port >= 1 && port <= 65_535
}

function headerOf(header: string): { name: string; scheme: string | undefined } {
  const at = header.indexOf(':')
  if (at < 0) return { name: header.trim(), scheme: undefined }
  const scheme = header.slice(at + 1).trim()
  return { name: header.slice(0, at).trim(), scheme: scheme === '' ? undefined : scheme }
}

function placementOf({ header, query, basic }: SecretWords): Placement {
  if (query !== undefined) return { in: 'query', name: query }
  if (basic !== undefined) return { in: 'basic', user: basic }
  return { in: 'header', ...headerOf(header ?? 'Authorization: Bearer') }
}
