import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toSecret, type SecretWords } from '../../policy/secret-words.ts'
import type { Header, RequestHead } from './request.ts'
import { Secrets } from './secrets.ts'

const github = { name: 'api.github.com', port: 443 }
const bindings = { hosts: ['api.github.com'], intercept: true } as const

function holding(all: Readonly<Record<string, SecretWords & { value: string }>>): Secrets {
  const secrets = Object.entries(all).map(([name, { value: _, ...words }]) => toSecret(name, words))
  return new Secrets(secrets, new Map(Object.entries(all).map(([name, { value }]) => [name, value])))
}

const request = (headers: readonly Header[], path: string = '/'): RequestHead => ({ method: 'GET', path, headers })
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

const value = 'ghp_0123456789'
const one = (words: Partial<SecretWords> = {}): { secrets: Secrets; placeholder: string } => {
  const secrets = holding({ TOKEN: { from: 'env:TOKEN', ...bindings, ...words, value } })
  return { secrets, placeholder: secrets.environment()['TOKEN'] ?? '' }
}

function sent(secrets: Secrets, head: RequestHead, host = github): RequestHead {
  const injected = secrets.injectRequest(host, head)
  assert.ok('head' in injected, JSON.stringify(injected))
  return injected.head
}

function refusal(secrets: Secrets, head: RequestHead, host = github): string {
  const injected = secrets.injectRequest(host, head)
  assert.ok('refused' in injected, JSON.stringify(injected))
  assert.ok(!JSON.stringify(injected).includes(value))
  return injected.refused.why
}

const header = (head: RequestHead, name: string): string[] =>
  head.headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, text]) => text)

test('a placeholder in its header becomes the value, with the words that the program wrote around it', () => {
  const { secrets, placeholder } = one()
  for (const word of ['Bearer', 'token', 'Basic-ish']) {
    const head = sent(secrets, request([['authorization', `${word} ${placeholder}`]]))
    assert.deepEqual(header(head, 'authorization'), [`${word} ${value}`])
  }
})

test('a request that has nothing in that place is given the secret, one that has something else keeps it', () => {
  const { secrets } = one()
  assert.deepEqual(header(sent(secrets, request([])), 'authorization'), [`Bearer ${value}`])
  assert.deepEqual(header(sent(secrets, request([['Authorization', 'Bearer own']])), 'authorization'), ['Bearer own'])
})

test('basic authentication in the Authorization header is opened, filled and closed again', () => {
  const { secrets, placeholder } = one()
  const head = sent(secrets, request([['Authorization', basic(`me:${placeholder}`)]]))
  assert.deepEqual(header(head, 'authorization'), [basic(`me:${value}`)])
})

test('a secret bound to basic authentication is put in with its user', () => {
  const { secrets, placeholder } = one({ basic: 'x-token' })
  assert.deepEqual(header(sent(secrets, request([])), 'authorization'), [basic(`x-token:${value}`)])
  const own = sent(secrets, request([['Authorization', basic(`${placeholder}:`)]]))
  assert.deepEqual(header(own, 'authorization'), [basic(`${value}:`)])
  assert.match(refusal(secrets, request([['Authorization', `Bearer ${placeholder}`]])), /not bound to/)
})

test('a secret bound to the query is put in there, encoded', () => {
  const secrets = holding({ KEY: { from: 'env:KEY', ...bindings, query: 'api_key', value: 'a&b=c d/e' } })
  const placeholder = secrets.environment()['KEY'] ?? ''
  const encoded = 'a%26b%3Dc%20d%2Fe'
  assert.equal(sent(secrets, request([], `/x?q=1&api_key=${placeholder}&z`)).path, `/x?q=1&api_key=${encoded}&z`)
  assert.equal(sent(secrets, request([], '/x')).path, `/x?api_key=${encoded}`)
  assert.equal(sent(secrets, request([], '/x?q=1')).path, `/x?q=1&api_key=${encoded}`)
  assert.equal(sent(secrets, request([], '/x?api_key=mine')).path, '/x?api_key=mine')
  assert.match(refusal(secrets, request([], `/x?other=${placeholder}`)), /the query as api_key/)
})

test('a header of another name has the bare value', () => {
  const { secrets } = one({ header: 'X-Api-Key' })
  assert.deepEqual(header(sent(secrets, request([])), 'x-api-key'), [value])
})

test('a placeholder for a host that its secret is not bound to stops the request, in every disguise', () => {
  const { secrets, placeholder } = one()
  const percent = [...Buffer.from(placeholder)].map((byte) => `%${byte.toString(16)}`).join('')
  const heads = [
    request([['Authorization', `Bearer ${placeholder}`]]),
    request([['Authorization', basic(`a:${placeholder}`)]]),
    request([['X', Buffer.from(`ab${placeholder}`).toString('base64')]]),
    request([[placeholder, 'x']]),
    request([], `/${placeholder}`),
    request([], `/?x=${percent}`),
    request([['Cookie', `a=${percent}`]]),
    { ...request([]), method: placeholder },
  ]
  const others = [
    { name: 'evil.example', port: 443 },
    { name: 'api.github.com', port: 80 },
    { name: 'x.api.github.com', port: 443 },
  ]
  for (const head of heads)
    for (const other of others) assert.match(refusal(secrets, head, other), /was sent to .*, which it is not bound to/)
})

test('a request to another host is not touched', () => {
  const { secrets } = one()
  const head = request([['Accept-Encoding', 'gzip']], '/x?y')
  assert.deepEqual(secrets.injectRequest({ name: 'example.org', port: 80 }, head), { head, put: [] })
})

test('a bound host is asked for what is not compressed', () => {
  const { secrets } = one()
  const head = sent(secrets, request([['accept-encoding', 'gzip, br']]))
  assert.deepEqual(header(head, 'accept-encoding'), ['identity'])
})

test('of two secrets for one place the placeholder says which; none is put in by itself', () => {
  const secrets = holding({
    READ: { from: 'env:A', ...bindings, value: 'read-0123' },
    WRITE: { from: 'env:B', ...bindings, value: 'write-0123' },
  })
  assert.deepEqual(header(sent(secrets, request([])), 'authorization'), [])
  const { WRITE = '' } = secrets.environment()
  const head = sent(secrets, request([['Authorization', `Bearer ${WRITE}`]]))
  assert.deepEqual(header(head, 'authorization'), ['Bearer write-0123'])
})

test('a pattern binds every name below it and not the name itself', () => {
  const { secrets, placeholder } = one({ hosts: ['*.example.org:8443'] })
  const head = request([['Authorization', placeholder]])
  assert.deepEqual(header(sent(secrets, head, { name: 'a.b.example.org', port: 8443 }), 'authorization'), [value])
  for (const name of ['example.org', 'badexample.org', 'example.org.evil']) refusal(secrets, head, { name, port: 8443 })
})

test('a value with characters that replacement texts know is put in as it is', () => {
  const secrets = holding({ TOKEN: { from: 'env:T', ...bindings, value: "a$&b$1$'$`c" } })
  const head = sent(secrets, request([['Authorization', secrets.environment()['TOKEN'] ?? '']]))
  assert.deepEqual(header(head, 'authorization'), ["a$&b$1$'$`c"])
  const credentials = request([['Authorization', basic(`me:${secrets.environment()['TOKEN']}`)]])
  assert.deepEqual(header(sent(secrets, credentials), 'authorization'), [basic("me:a$&b$1$'$`c")])
})

test('a value in the headers of an answer is replaced, of whatever secret of that host', () => {
  const { secrets } = one()
  const [first] = secrets.redactHeaders(github, [['X-Echo', `got ${value}!`]])
  assert.deepEqual(first, ['X-Echo', 'got glovebox-secre!'])
  assert.deepEqual(secrets.redactHeaders({ name: 'example.org', port: 443 }, [['X', value]]), [['X', value]])
})

test('an exposed secret is in the environment itself, and in no text of ours', () => {
  const secrets = holding({ PASS: { from: 'env:PASS', expose: 'env', value: 'opensesame' } })
  assert.deepEqual(secrets.environment(), { PASS: 'opensesame' })
  assert.equal(secrets.redact('connect to me:opensesame@db failed'), 'connect to me:[secret PASS]@db failed')
  assert.equal(secrets.binds(github), false)
})

test('a sandbox has placeholders of its own', () => {
  assert.notEqual(one().placeholder, one().placeholder)
})

test('a secret whose TLS is read is not put into a request without, on a port that may be spoken on in both ways', () => {
  const { secrets, placeholder } = one({ hosts: ['api.github.com', 'api.github.com:8443', 'api.github.com:80'] })
  const clear = { name: 'api.github.com', port: 8443, clear: true }
  assert.deepEqual(header(sent(secrets, request([]), clear), 'authorization'), [])
  assert.match(
    refusal(secrets, request([['Authorization', `Bearer ${placeholder}`]]), clear),
    /^the placeholder of the secret TOKEN was sent to api\.github\.com:8443 without TLS/,
  )
  for (const host of [
    { ...clear, clear: false },
    { ...clear, port: 80 },
  ])
    assert.deepEqual(header(sent(secrets, request([]), host), 'authorization'), [`Bearer ${value}`])
})
