import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GloveboxError } from '../errors.ts'
import { secretFault, toSecret, type SecretWords } from './secret-words.ts'
import { describeSecret, interceptedHosts, isBound, requireReachable } from './secrets.ts'

const tls: SecretWords = { from: 'env:T', hosts: ['api.github.com'], intercept: true }

test('words become a secret, with the Authorization header where no place is said', () => {
  assert.deepEqual(toSecret('T', { ...tls, hosts: ['API.github.com', '*.example.org:8443'] }), {
    name: 'T',
    from: { kind: 'env', at: 'T' },
    hosts: [
      { text: 'API.github.com', name: 'api.github.com', below: false, port: 443 },
      { text: '*.example.org:8443', name: 'example.org', below: true, port: 8443 },
    ],
    put: { in: 'header', name: 'Authorization', scheme: 'Bearer' },
    intercept: true,
    exposed: false,
  })
  assert.deepEqual(toSecret('T', { ...tls, header: 'X-Api-Key' }).put, {
    in: 'header',
    name: 'X-Api-Key',
    scheme: undefined,
  })
  assert.deepEqual(toSecret('T', { ...tls, query: 'key' }).put, { in: 'query', name: 'key' })
  assert.deepEqual(toSecret('T', { ...tls, basic: '' }).put, { in: 'basic', user: '' })
})

const faults: Readonly<Record<string, readonly [words: SecretWords, key: keyof SecretWords, why: RegExp]>> = {
  'a value': [{ ...tls, from: 'sesame123' }, 'from', /a value never stands here/],
  'a value that looks like a source': [{ ...tls, from: 'pass:sesame' }, 'from', /not a source/],
  'an empty source': [{ ...tls, from: 'file: ' }, 'from', /nothing behind/],
  'no variable': [{ ...tls, from: 'env:A-B' }, 'from', /name of a variable/],
  'a keyring without an account': [{ ...tls, from: 'keyring:github' }, 'from', /a service and an account/],
  'a line break': [{ ...tls, from: 'cmd:a\nb' }, 'from', /control character/],
  'no host': [{ from: 'env:T' }, 'hosts', /without a host/],
  'a URL as a host': [{ ...tls, hosts: ['https://x.example'] }, 'hosts', /not a name with a port/],
  'a pattern of everything': [{ ...tls, hosts: ['*'] }, 'hosts', /not a name with a port/],
  'an address': [{ ...tls, hosts: ['10.0.0.5:80'] }, 'hosts', /not a name with a port/],
  'an address in brackets': [{ ...tls, hosts: ['[2001:db8::1]:80'] }, 'hosts', /not a name with a port/],
  'a port that is none': [{ ...tls, hosts: ['x.example:70000'] }, 'hosts', /not a name with a port/],
  'two places': [{ ...tls, header: 'X', query: 'y' }, 'header', /one place/],
  'a header with a line break': [{ ...tls, header: 'X: a\r\nHost' }, 'header', /not the name of a header/],
  'a header of the connection': [{ ...tls, header: 'Host' }, 'header', /belongs to the connection/],
  'a parameter with a sign': [{ ...tls, query: 'a&b' }, 'query', /not the name of a parameter/],
  'a user with a colon': [{ ...tls, basic: 'a:b' }, 'basic', /no colon/],
  'TLS without reading it': [{ from: 'env:T', hosts: ['api.github.com'] }, 'intercept', /only where it is read/],
  'exposed and bound': [{ ...tls, expose: 'env' }, 'expose', /can send it anywhere/],
}

for (const [name, [words, key, why]] of Object.entries(faults)) {
  test(`${name} is a fault at its key, and an error that does not repeat the source`, () => {
    const fault = secretFault(words)
    assert.equal(fault?.key, key)
    assert.match(fault?.why ?? '', why)
    assert.ok(fault?.fix)
    assert.ok(!JSON.stringify(fault).includes('sesame'))
    assert.throws(() => toSecret('T', words), new RegExp(`^GloveboxError: secrets\\.T\\.${key}: `))
  })
}

test('a secret for a host without TLS needs no interception', () => {
  assert.equal(secretFault({ from: 'env:T', hosts: ['db.internal:8080'] }), undefined)
})

test('a host is bound by its whole name and its port', () => {
  const secret = toSecret('T', { ...tls, hosts: ['api.github.com', '*.example.org:8443'] })
  assert.ok(isBound(secret, 'api.github.com', 443))
  assert.ok(isBound(secret, 'a.b.example.org', 8443))
  for (const [name, port] of [
    ['api.github.com', 80],
    ['x.api.github.com', 443],
    ['github.com', 443],
    ['example.org', 8443],
    ['evilexample.org', 8443],
    ['a.example.org', 443],
  ] as const)
    assert.equal(isBound(secret, name, port), false, `${name}:${port}`)
})

test('an authority is made for the hosts whose TLS is read, and for no other', () => {
  const secrets = [
    toSecret('A', { ...tls, hosts: ['api.github.com', '*.example.org:8443', 'api.github.com:8443'] }),
    toSecret('B', { from: 'env:B', hosts: ['plain.example:80'] }),
  ]
  assert.deepEqual(interceptedHosts(secrets), ['api.github.com', 'example.org'])
})

test('a host that may not be connected to is an error with the line that would allow it', () => {
  const secrets = [toSecret('T', tls)]
  requireReachable(secrets, () => true)
  assert.throws(
    () => requireReachable(secrets, ({ name }) => name === 'example.org'),
    (error) => {
      assert.ok(error instanceof GloveboxError)
      assert.match(error.fix ?? '', /add "api\.github\.com" to network\.allow/)
      return true
    },
  )
})

test('a secret is told by its source, its hosts and its place', () => {
  assert.equal(
    describeSecret(toSecret('T', tls)),
    'env:T to api.github.com in the header Authorization: Bearer, TLS is read',
  )
  assert.match(describeSecret(toSecret('T', { from: 'env:T', expose: 'env' })), /^env:T, exposed/)
})
