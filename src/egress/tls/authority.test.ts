import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { unlessPresent } from '../../../test/support/requirement.ts'
import { runCommand } from '../../system/run-command.ts'
import { createAuthority } from './authority.ts'
import { certificate, serverExtensions } from './certificate.ts'
import { generateKeyPairSync } from 'node:crypto'

const day = 86_400_000
const root = mkdtempSync(path.join(tmpdir(), 'glovebox-tls-'))
after(() => rmSync(root, { recursive: true, force: true }))

const openssl = await runCommand('openssl', ['version']).then(
  () => undefined,
  () => 'there is no openssl',
)

test('a leaf is for its host alone, and signed by the authority', () => {
  const authority = createAuthority(['api.github.com'], 'gbx-1')
  const [ca, leaf] = [
    new X509Certificate(authority.certificate),
    new X509Certificate(authority.leafFor('api.github.com').cert),
  ]
  assert.ok(ca.ca)
  assert.ok(ca.verify(ca.publicKey))
  assert.ok(leaf.verify(ca.publicKey))
  assert.ok(leaf.checkIssued(ca))
  assert.equal(leaf.ca, false)
  assert.equal(leaf.subjectAltName, 'DNS:api.github.com')
  assert.equal(leaf.checkHost('github.com'), undefined)
})

test('no two authorities have a key in common, and none writes its key into what it shows', () => {
  const [one, other] = [createAuthority(['a.example'], 'x'), createAuthority(['a.example'], 'x')]
  assert.notEqual(
    new X509Certificate(one.certificate).fingerprint256,
    new X509Certificate(other.certificate).fingerprint256,
  )
  assert.equal(
    new X509Certificate(one.leafFor('a.example').cert).verify(new X509Certificate(other.certificate).publicKey),
    false,
  )
  assert.doesNotMatch(one.certificate, /PRIVATE/)
})

test('a host that the authority was not made for is refused, and one below a host of it is not', () => {
  const authority = createAuthority(['example.org'], 'x')
  assert.throws(() => authority.leafFor('example.com'), RangeError)
  assert.throws(() => authority.leafFor('badexample.org'), RangeError)
  assert.ok(authority.leafFor('a.example.org'))
})

test('a leaf is made once, and anew before it ends', () => {
  let now = Date.now()
  const authority = createAuthority(['a.example'], 'x', () => now)
  const first = authority.leafFor('a.example')
  now += day / 2
  assert.equal(authority.leafFor('a.example'), first)
  now += day
  const second = authority.leafFor('a.example')
  assert.notEqual(second, first)
  const { validFromDate, validToDate } = new X509Certificate(second.cert)
  assert.ok(validFromDate.getTime() < now && validToDate.getTime() > now + day)
})

test(
  'OpenSSL takes leaves of names and addresses under its strict rules',
  { skip: unlessPresent('OPENSSL', openssl) },
  async () => {
    const long = `${'a'.repeat(60)}.example.org`
    const authority = createAuthority(['api.github.com', 'example.org', '10.0.0.5', 'fd00::1:2'], 'gbx-1')
    const ca = write('ca.pem', authority.certificate)
    for (const [host, check] of [
      ['api.github.com', '-verify_hostname'],
      ['deep.below.example.org', '-verify_hostname'],
      [long, '-verify_hostname'],
      ['10.0.0.5', '-verify_ip'],
      ['fd00::1:2', '-verify_ip'],
    ] as const) {
      const leaf = write('leaf.pem', authority.leafFor(host).cert)
      const { code, stderr } = await runCommand('openssl', ['verify', '-x509_strict', '-CAfile', ca, check, host, leaf])
      assert.equal(code, 0, `${host}: ${stderr}`)
    }
  },
)

test(
  'what the key of an authority signs for another host is not believed',
  { skip: unlessPresent('OPENSSL', openssl) },
  async () => {
    // The same as an authority of ours, with its key in our hands.
    const { authorityExtensions } = await import('./certificate.ts')
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const issuer = { name: 'test', key: own.publicKey, privateKey: own.privateKey }
    const [notBefore, notAfter] = [new Date(Date.now() - day), new Date(Date.now() + day)]
    const times = { notBefore, notAfter }
    const signed = (key: typeof own.publicKey, subject: string, extensions: Buffer[]): string =>
      certificate({ subject, key, issuer, ...times, extensions })
    const ca = write('own.pem', signed(own.publicKey, 'test', authorityExtensions(own.publicKey, ['example.org'])))
    const verdict = async (host: string): Promise<number | null> => {
      const leaf = write('other.pem', signed(own.publicKey, 'leaf', serverExtensions(host, own.publicKey)))
      return (await runCommand('openssl', ['verify', '-x509_strict', '-CAfile', ca, leaf])).code
    }
    assert.equal(await verdict('www.example.org'), 0)
    for (const host of ['example.com', 'badexample.org', '10.0.0.1', '::1'])
      assert.notEqual(await verdict(host), 0, host)
  },
)

function write(name: string, text: string): string {
  const file = path.join(root, name)
  writeFileSync(file, text)
  return file
}
