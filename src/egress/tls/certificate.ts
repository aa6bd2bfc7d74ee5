import { createHash, randomBytes, sign, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { bits, instead, integer, octets, oid, sequence, set, time, truth, utf8, within } from './der.ts'

/** Who a certificate is for, and who vouches for it. */
export interface CertificateWords {
  readonly subject: string
  readonly key: KeyObject
  readonly issuer: { readonly name: string; readonly key: KeyObject; readonly privateKey: KeyObject }
  readonly notBefore: Date
  readonly notAfter: Date
  readonly extensions: readonly Buffer[]
}

const ids = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const

/** A certificate, version 3 (RFC 5280, 4.1), signed with ECDSA over SHA-256, as PEM. */
export function certificate(words: CertificateWords): string {
  const { subject, key, issuer, notBefore, notAfter, extensions } = words
  const algorithm = sequence(oid(ids.ecdsaWithSha256))
  const toBeSigned = sequence(
    within(0, integer(Buffer.from([2]))),
    integer(serial()),
    algorithm,
    nameOf(issuer.name),
    sequence(time(notBefore), time(notAfter)),
    nameOf(subject),
    spki(key),
    within(3, sequence(...extensions)),
  )
  const signature = sign('sha256', toBeSigned, issuer.privateKey)
  return pem(sequence(toBeSigned, algorithm, bits(signature)))
}

/** RFC 5280, 4.1.2.2: positive, at most 20 bytes, and not to be guessed. */
function serial(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes
}

function nameOf(commonName: string): Buffer {
  const part = (id: string, text: string): Buffer => set(sequence(oid(id), utf8(text)))
  return sequence(part(ids.organization, 'Glovebox'), part(ids.commonName, commonName))
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** What makes an authority: it signs certificates of servers, and only for these hosts. */
export function authorityExtensions(key: KeyObject, hosts: readonly string[]): Buffer[] {
  return [
    critical(ids.basicConstraints, sequence(truth, integer(Buffer.from([0])))),
    // keyCertSign is bit 5.
    critical(ids.keyUsage, bits(Buffer.from([0x04]), 2)),
    plain(ids.subjectKeyIdentifier, octets(keyIdentifier(key))),
    critical(ids.nameConstraints, nameConstraints(hosts)),
  ]
}

/** RFC 5280, 4.2.1.10. A kind of name that no subtree is told for would not be constrained at all. */
function nameConstraints(hosts: readonly string[]): Buffer {
  const [names, addresses] = [hosts.filter((host) => isIP(host) === 0), hosts.filter((host) => isIP(host) !== 0)]
  const permitted = [
    ...names.map((name) => sequence(instead(2, Buffer.from(name)))),
    ...addresses.map((address) => sequence(instead(7, Buffer.concat([addressBytes(address), whole(address)])))),
  ]
  const excluded = [
    ...(names.length === 0 ? [sequence(instead(2, Buffer.alloc(0)))] : []),
    ...(addresses.some((address) => isIP(address) === 4) ? [] : [sequence(instead(7, Buffer.alloc(8)))]),
    ...(addresses.some((address) => isIP(address) === 6) ? [] : [sequence(instead(7, Buffer.alloc(32)))]),
  ]
  return sequence(within(0, ...permitted), ...(excluded.length === 0 ? [] : [within(1, ...excluded)]))
}

/** What makes the certificate of a server. */
export function serverExtensions(host: string, authority: KeyObject): Buffer[] {
  const name = isIP(host) === 0 ? instead(2, Buffer.from(host)) : instead(7, addressBytes(host))
  return [
    critical(ids.basicConstraints, sequence()),
    // digitalSignature is bit 0.
    critical(ids.keyUsage, bits(Buffer.from([0x80]), 7)),
    plain(ids.extKeyUsage, sequence(oid(ids.serverAuth))),
    plain(ids.subjectAltName, sequence(name)),
    plain(ids.authorityKeyIdentifier, sequence(instead(0, keyIdentifier(authority)))),
  ]
}

function critical(id: string, value: Buffer): Buffer {
  return sequence(oid(id), truth, octets(value))
}

function plain(id: string, value: Buffer): Buffer {
  return sequence(oid(id), octets(value))
}

/** RFC 7093, 2, method 4: a hash over the key as it stands in the certificate. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256').update(spki(key)).digest().subarray(0, 20)
}

function whole(address: string): Buffer {
  return Buffer.alloc(isIP(address) === 4 ? 4 : 16, 0xff)
}

/** The bytes of a canonical address. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [left, right] = [groups(head), groups(tail ?? '')]
  const middle = Array.from({ length: tail === undefined ? 0 : 8 - left.length - right.length }, () => 0)
  return Buffer.from([...left, ...middle, ...right].flatMap((group) => [group >> 8, group & 0xff]))
}
