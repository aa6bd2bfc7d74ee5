import { allowedName, gone, pieces, server4, tokenOf, type EgressCase, type Piece } from '../case.ts'
import { clientHello, type Hello } from '../hello.ts'

interface Said {
  readonly id: string
  readonly title: string
  readonly say: readonly Piece[]
  readonly port?: number
}

const hello = (id: string, about: Hello): Buffer => clientHello({ session: tokenOf(id), ...about })

/** In two: a ClientHello whose name is in the second part of what is written. */
function halves(bytes: Buffer, at: number): (Buffer | typeof gone)[] {
  return [bytes.subarray(0, at), gone, bytes.subarray(at)]
}

const other = 'other.test'

const said: readonly Said[] = [
  { id: 'sni-other', title: 'TLS for another name', say: [hello('sni-other', { names: [other] })] },
  { id: 'sni-none', title: 'TLS for no name', say: [hello('sni-none', {})] },
  { id: 'sni-empty', title: 'TLS for an empty name', say: [hello('sni-empty', { names: [''] })] },
  { id: 'sni-list-empty', title: 'TLS for an empty list of names', say: [hello('sni-list-empty', { names: [[]] })] },
  {
    id: 'sni-below',
    title: 'TLS for a name below the allowed one',
    say: [hello('sni-below', { names: [`gbx-sni.${allowedName}`] })],
  },
  { id: 'sni-dot', title: 'TLS for another name with a final dot', say: [hello('sni-dot', { names: [`${other}.`] })] },
  {
    id: 'sni-nul',
    title: 'TLS for the allowed name, a NUL and another',
    say: [hello('sni-nul', { names: [`${allowedName}\0.${other}`] })],
  },
  { id: 'sni-address', title: 'TLS for an address', say: [hello('sni-address', { names: ['127.0.0.1'] })] },
  {
    id: 'sni-list',
    title: 'TLS for the allowed name and another in one list',
    say: [hello('sni-list', { names: [[allowedName, other]] })],
  },
  {
    id: 'sni-list-back',
    title: 'TLS for another name and the allowed one in one list',
    say: [hello('sni-list-back', { names: [[other, allowedName]] })],
  },
  {
    id: 'sni-twice',
    title: 'TLS with two extensions of names',
    say: [hello('sni-twice', { names: [allowedName, other] })],
  },
  {
    id: 'sni-twice-back',
    title: 'TLS with two extensions of names, the other first',
    say: [hello('sni-twice-back', { names: [other, allowedName] })],
  },
  {
    id: 'sni-records',
    title: 'TLS for another name in records of ten bytes',
    say: [hello('sni-records', { names: [other], recordBytes: 10 })],
  },
  {
    id: 'sni-record-one',
    title: 'TLS for another name in records of one byte',
    say: [hello('sni-record-one', { names: [other], recordBytes: 1 })],
  },
  {
    id: 'sni-split',
    title: 'TLS for another name that comes in two pieces',
    say: halves(hello('sni-split', { names: [other] }), 60),
  },
  {
    id: 'sni-split-first',
    title: 'TLS for another name whose first byte comes alone',
    say: halves(hello('sni-split-first', { names: [other] }), 1),
  },
  {
    id: 'sni-split-late',
    title: 'TLS for another name whose last byte comes alone',
    say: halves(hello('sni-split-late', { names: [other] }), -1),
  },
  {
    id: 'ech',
    title: 'TLS for the allowed name with an encrypted one',
    say: [hello('ech', { names: [allowedName], extension: [0xfe0d, Buffer.from('gbx-ech')] })],
  },
  {
    id: 'sni-cut',
    title: 'TLS that ends before its name',
    say: [hello('sni-cut', { names: [other] }).subarray(0, 80)],
  },
  { id: 'sni-lie', title: 'TLS whose lengths lie', say: [lying(hello('sni-lie', { names: [allowedName] }))] },
  { id: 'sni-large', title: 'TLS with 20 KB before the name', say: [large('sni-large')] },
  {
    id: 'ssl2',
    title: 'TLS in the form of SSL 2',
    say: [Buffer.concat([Buffer.from([0x80, 46, 1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 5]), Buffer.from(tokenOf('ssl2'))])],
  },
  {
    id: 'record-empty',
    title: 'empty records and then TLS for another name',
    say: [Buffer.from([22, 3, 1, 0, 0]), gone, hello('record-empty', { names: [other] })],
  },
  {
    id: 'alert-first',
    title: 'an alert and then TLS for another name',
    say: [Buffer.from([21, 3, 1, 0, 2, 1, 0]), hello('alert-first', { names: [other] })],
  },
  {
    id: 'data-first',
    title: 'TLS data without a hello',
    say: [Buffer.concat([Buffer.from([23, 3, 3, 0, 14]), Buffer.from(tokenOf('data-first'))])],
  },
  { id: 'plain-443', title: 'bytes of no protocol on port 443', say: [tokenOf('plain-443')] },
  {
    id: 'http-443',
    title: 'HTTP on port 443',
    say: [`GET /${tokenOf('http-443')} HTTP/1.1\r\nHost: ${allowedName}\r\n\r\n`],
  },
  { id: 'ssh-443', title: 'SSH on port 443', say: [`SSH-2.0-${tokenOf('ssh-443')}\r\n`] },
  {
    id: 'dns-443',
    title: 'DNS over a stream on port 443',
    say: [Buffer.concat([Buffer.from([0, 32]), Buffer.from(tokenOf('dns-443'))])],
  },
  { id: 'tls-80', title: 'TLS for another name on port 80', say: [hello('tls-80', { names: [other] })], port: 80 },
  {
    id: 'tls-80-own',
    title: 'TLS for the allowed name on port 80',
    say: [hello('tls-80-own', { names: [allowedName] })],
    port: 80,
  },
  { id: 'plain-80', title: 'bytes of no protocol on port 80', say: [`${tokenOf('plain-80')}\r\n\r\n`], port: 80 },
  {
    id: 'tls-8080',
    title: 'TLS for another name on another allowed port',
    say: [hello('tls-8080', { names: [other] })],
    port: 8080,
  },
  {
    id: 'tls-8080-none',
    title: 'TLS for no name on another allowed port',
    say: [hello('tls-8080-none', {})],
    port: 8080,
  },
  {
    id: 'tls-8080-split',
    title: 'TLS for another name in two pieces on another allowed port',
    say: halves(hello('tls-8080-split', { names: [other] }), 1),
    port: 8080,
  },
]

/** The length of the extensions says one byte less than there is. */
function lying(bytes: Buffer): Buffer {
  const at = bytes.indexOf(Buffer.from([0x2f, 1, 0])) + 3
  bytes.writeUInt16BE(bytes.readUInt16BE(at) - 1, at)
  return bytes
}

function large(id: string): Buffer {
  // Records of 16 KB at most (RFC 8446, 5.1).
  return clientHello({ session: tokenOf(id), extension: [21, Buffer.alloc(20_000)], names: [], recordBytes: 16_000 })
}

/** The beginning of connections to the allowed name: what is not for it must not arrive. */
export const helloCases: readonly EgressCase[] = said.map(({ id, title, say, port = 443 }) => ({
  title: `${title} is not carried to the allowed server`,
  id,
  attack: 'egress-say',
  args: { name: allowedName, port, pieces: pieces(...say), ...(id === 'sni-cut' ? { end: 1 } : {}) },
  control: { to: server4, port },
}))
