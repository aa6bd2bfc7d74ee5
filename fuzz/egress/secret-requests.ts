import { toSecret } from '../../src/policy/secret-words.ts'
import type { RequestHead, RequestHost } from '../../src/egress/secrets/request.ts'
import { Secrets } from '../../src/egress/secrets/secrets.ts'
import type { Random } from '../guard/random.ts'

interface Bound {
  readonly value: string
  readonly hosts: readonly string[]
  /** Only where TLS is read; else in the clear too. */
  readonly intercept: boolean
  /** What of a head is its place. */
  readonly isPlace: (part: string) => boolean
}

const header = (name: string) => (part: string) => part === `header ${name}`

const bound: Readonly<Record<string, Bound>> = {
  BEARER: {
    value: 'v-bearer-1f0c',
    hosts: ['a.example:443', 'a.example:8443'],
    intercept: true,
    isPlace: header('authorization'),
  },
  KEY: { value: 'v/key+&=%20x', hosts: ['b.example:8080'], intercept: false, isPlace: header('x-api-key') },
  QUERY: { value: 'v-query-77a9', hosts: ['a.example:443'], intercept: true, isPlace: (part) => part === 'query key' },
  BASIC: { value: 'v-basic-2b2b', hosts: ['c.example:80'], intercept: false, isPlace: header('authorization') },
}

const secrets = new Secrets(
  [
    toSecret('BEARER', { from: 'env:A', hosts: ['a.example', 'a.example:8443'], intercept: true }),
    toSecret('KEY', { from: 'env:B', hosts: ['b.example:8080'], header: 'X-Api-Key' }),
    toSecret('QUERY', { from: 'env:C', hosts: ['a.example'], query: 'key', intercept: true }),
    toSecret('BASIC', { from: 'env:D', hosts: ['c.example:80'], basic: 'me' }),
  ],
  new Map(Object.entries(bound).map(([name, { value }]) => [name, value])),
)
const placeholders = Object.values(secrets.environment())
const tokens = placeholders.map((text) => text.slice(-32))

/** What it came to. @throws what no request may lead to, with why */
export function checkSecrets(random: Random): string {
  const host: RequestHost = {
    name: random.pick(['a.example', 'b.example', 'c.example', 'd.example']),
    port: random.pick([80, 443, 8080, 8443]),
    clear: random.chance(0.5),
  }
  const head = request(random)
  const injected = secrets.injectRequest(host, head)
  const place = `${JSON.stringify(host)} ${JSON.stringify(head)}`
  if ('refused' in injected) {
    const told = JSON.stringify(injected)
    if (Object.values(bound).some(({ value }) => told.includes(value)))
      throw new Error(`a refusal tells a value: ${place}`)
    return 'refused'
  }
  const parts = partsOf(injected.head)
  for (const [part, text] of parts) {
    const read = carelessly(text)
    if (tokens.some((token) => read.toLowerCase().includes(token))) throw new Error(`a placeholder goes out: ${place}`)
    for (const [name, { value, hosts, intercept, isPlace }] of Object.entries(bound)) {
      if (!read.includes(value)) continue
      const isMeant =
        hosts.includes(`${host.name}:${host.port}`) && !(intercept && host.clear === true && host.port !== 80)
      if (!isMeant || !isPlace(part)) throw new Error(`the value of ${name} is in ${part}: ${place}`)
    }
  }
  return injected.put.length > 0 ? 'put in' : 'as it was'
}

function request(random: Random): RequestHead {
  const word = (): string => (random.chance(0.4) ? 'plain' : spelled(random))
  const query = Array.from({ length: random.below(3) }, () => `${random.pick(['key', 'z', 'KEY', 'ke%79'])}=${word()}`)
  const path = `/${random.chance(0.2) ? word() : 'path'}${query.length === 0 ? '' : `?${query.join('&')}`}`
  const names = ['Authorization', 'authorization', 'X-Api-Key', 'x-api-key', 'Cookie', 'Accept-Encoding', 'X-Other']
  const headers = Array.from({ length: random.below(4) }, (): [string, string] => [
    random.pick(names),
    random.pick([
      word(),
      `Bearer ${word()}`,
      `Basic ${Buffer.from(`me:${word()}`).toString('base64')}`,
      `a=${word()}; b`,
    ]),
  ])
  return { method: random.pick(['GET', 'POST', 'PUT']), path, headers }
}

/** A placeholder, in one of the ways in which programs write things down. */
function spelled(random: Random): string {
  const text = random.pick(placeholders)
  switch (random.below(6)) {
    case 0:
      return text.toUpperCase()
    case 1:
      return text.replaceAll(/./g, (each) => (random.chance(0.5) ? percent(each) : each))
    case 2:
      return text.replaceAll(/./g, (each) => (random.chance(0.5) ? `\\u00${each.charCodeAt(0).toString(16)}` : each))
    case 3:
      return Buffer.from(`${'x'.repeat(random.below(4))}${text}${'y'.repeat(random.below(4))}`).toString(
        random.pick(['base64', 'base64url'] as const),
      )
    case 4:
      return `${text}${random.pick(placeholders)}`
    default:
      return text
  }
}

const percent = (each: string): string => `%${each.charCodeAt(0).toString(16)}`

/** By name, so that it can be told where something is. */
function partsOf({ method, path, headers }: RequestHead): [string, string][] {
  const [before = '', query = ''] = path.split(/\?(.*)/s)
  const pairs = query.split('&').map((pair): [string, string] => [`query ${pair.split('=')[0]}`, pair])
  const named = headers.map(([name, value]): [string, string] => [`header ${name.toLowerCase()}`, value])
  return [['method', method], ['path', before], ...pairs, ...named]
}

/** As it is, and with every escape undone once. */
function carelessly(text: string): string {
  const plain = text
    .replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    .replaceAll(/\\u([0-9a-f]{4})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
  const encoded = [...text.matchAll(/[A-Za-z0-9+/_-]{8,}/g)].map(([run]) =>
    Buffer.from(run, 'base64').toString('latin1'),
  )
  return [text, plain, ...encoded].join('\n')
}
