import { allowedName, answer, pieces, server4, tokenOf, type Aim, type EgressCase, type Piece } from '../case.ts'
import { clientHello } from '../hello.ts'

const proxy = { host: '198.18.0.2', port: 3128 } as const
const other = 'other.test'

type Said = readonly Piece[]

function say(id: string, title: string, said: Said, more: Partial<EgressCase> = {}): EgressCase {
  return { title, id, attack: 'egress-say', args: { ...proxy, pieces: pieces(...said) }, ...more }
}

interface Tunnel {
  readonly id: string
  readonly to: string
  readonly aim?: Aim
  readonly unproven?: string
}

const port80 = (to: string): Aim => ({ to, port: 80 })
const unread = 'not every reader of addresses reads it'

const tunnels: readonly Tunnel[] = [
  { id: 'metadata', to: '169.254.169.254:80', aim: port80('169.254.169.254') },
  { id: 'loopback', to: '127.0.0.1:80', aim: port80('127.0.0.1') },
  { id: 'loopback443', to: '127.0.0.1:443', aim: { to: '127.0.0.1', port: 443 } },
  { id: 'localhost', to: 'localhost:80', unproven: 'it may be the one or the other loopback' },
  { id: 'ten', to: '10.0.0.1:443', aim: { to: '10.0.0.1', port: 443 } },
  { id: 'seventeen', to: '172.16.0.1:443', aim: { to: '172.16.0.1', port: 443 } },
  { id: 'nineteen', to: '192.168.1.1:443', aim: { to: '192.168.1.1', port: 443 } },
  { id: 'carrier', to: '100.64.0.1:443', aim: { to: '100.64.0.1', port: 443 } },
  { id: 'loopback6', to: '[::1]:80', aim: port80('::1') },
  { id: 'mapped', to: '[::ffff:127.0.0.1]:80', aim: port80('127.0.0.1') },
  { id: 'mapped-hex', to: '[::ffff:7f00:1]:80', aim: port80('127.0.0.1') },
  { id: 'nat64', to: '[64:ff9b::a9fe:a9fe]:80', aim: port80('64:ff9b::a9fe:a9fe') },
  { id: 'zone', to: '[fe80::1%25lo]:80', unproven: unread },
  { id: 'zone-loopback', to: '[::1%25lo]:80', unproven: unread },
  { id: 'metadata6', to: '[fd00:ec2::254]:80', aim: port80('fd00:ec2::254') },
  { id: 'decimal', to: '2130706433:80', aim: port80('127.0.0.1') },
  { id: 'octal', to: '0177.0.0.1:80', aim: port80('127.0.0.1') },
  { id: 'hex', to: '0x7f000001:80', aim: port80('127.0.0.1') },
  { id: 'hex-parts', to: '0x7f.0.0.0x1:80', aim: port80('127.0.0.1') },
  { id: 'short', to: '127.1:80', aim: port80('127.0.0.1') },
  { id: 'metadata-decimal', to: '2852039166:80', aim: port80('169.254.169.254') },
  { id: 'zeros', to: '127.000.000.001:80', aim: port80('127.0.0.1') },
  { id: 'zero', to: '0:80', unproven: 'it may be the loopback' },
  { id: 'any', to: '0.0.0.0:80', unproven: 'it may be the loopback' },
  { id: 'any6', to: '[::]:80', unproven: 'it may be the loopback' },
  { id: 'dot', to: '127.0.0.1.:80', unproven: unread },
  { id: 'unicode', to: '\u{b2}130706433:80', unproven: unread },
  { id: 'real', to: `${server4}:443`, aim: { to: server4, port: 443 } },
  { id: 'other-name', to: `${other}:443`, aim: { to: '11.22.33.55', port: 443 } },
  { id: 'other-port', to: `${allowedName}:22`, aim: { to: server4, port: 22 } },
  { id: 'user', to: `${allowedName}@127.0.0.1:80`, aim: port80('127.0.0.1') },
  { id: 'user-port', to: `${allowedName}:443@127.0.0.1:80`, aim: port80('127.0.0.1') },
  { id: 'below', to: `gbx-below-tunnel.${allowedName}:443`, unproven: 'it is a name of nobody' },
  { id: 'nul', to: `127.0.0.1\0.${allowedName}:80`, unproven: unread },
  { id: 'port-twice', to: `127.0.0.1:80:443`, unproven: unread },
  { id: 'port-sign', to: `${allowedName}:+22`, unproven: unread },
  { id: 'port-large', to: `${allowedName}:65558`, unproven: unread },
  { id: 'url', to: 'http://127.0.0.1:80/', unproven: unread },
  { id: 'path', to: '127.0.0.1:80/', unproven: unread },
  { id: 'itself', to: '198.18.0.2:3128', aim: { to: '198.18.0.2', port: 3128 } },
  { id: 'resolver', to: '198.18.0.1:53', aim: { to: '198.18.0.1', port: 53 } },
  { id: 'synthetic', to: '198.18.200.1:443', aim: { to: '198.18.200.1', port: 443 } },
]

const byConnect = tunnels.map(({ id, to, aim, unproven }) =>
  say(
    `connect-${id}`,
    `CONNECT to ${JSON.stringify(to)} opens no tunnel`,
    [`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`, answer, tokenOf(`connect-${id}`)],
    { control: aim ?? { unproven: unproven ?? '' } },
  ),
)

const tunnelTo = (port: number, lines = ''): string =>
  `CONNECT ${allowedName}:${port} HTTP/1.1\r\nHost: ${allowedName}:${port}\r\n${lines}\r\n`

const inTunnels: readonly EgressCase[] = [
  say('tunnel-sni', 'in a tunnel to the allowed name TLS for another is not carried', [
    tunnelTo(443),
    answer,
    clientHello({ session: tokenOf('tunnel-sni'), names: [other] }),
  ]),
  say('tunnel-none', 'in a tunnel to the allowed name TLS for nobody is not carried', [
    tunnelTo(443),
    answer,
    clientHello({ session: tokenOf('tunnel-none') }),
  ]),
  say('tunnel-plain', 'in a tunnel to port 443 bytes of no protocol are not carried', [
    tunnelTo(443),
    answer,
    tokenOf('tunnel-plain'),
  ]),
  say('tunnel-early', 'what follows a CONNECT in the same write is looked at too', [
    Buffer.concat([Buffer.from(tunnelTo(443)), clientHello({ session: tokenOf('tunnel-early'), names: [other] })]),
  ]),
  say('tunnel-host', 'in a tunnel to port 80 a request for another host is not carried', [
    tunnelTo(80),
    answer,
    `GET /${tokenOf('tunnel-host')} HTTP/1.1\r\nHost: ${other}\r\n\r\n`,
  ]),
  say('tunnel-8080', 'in a tunnel to another port a request for another host is not carried', [
    tunnelTo(8080),
    answer,
    `GET /${tokenOf('tunnel-8080')} HTTP/1.1\r\nHost: ${other}\r\n\r\n`,
  ]),
  say('tunnel-inner', 'a CONNECT within a tunnel leads nowhere', [
    tunnelTo(80),
    answer,
    `CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n`,
    answer,
    tokenOf('tunnel-inner'),
  ]),
  say(
    'tunnel-body',
    'a CONNECT with a body smuggles no second one',
    [
      `CONNECT ${other}:443 HTTP/1.1\r\nHost: ${allowedName}:443\r\nContent-Length: 0\r\n\r\nCONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: x\r\n\r\n`,
      answer,
      tokenOf('tunnel-body'),
    ],
    { control: { to: '11.22.33.55', port: 443 } },
  ),
]

interface Asked {
  readonly id: string
  readonly line: string
  readonly host: string
  readonly aim?: Aim
  readonly lines?: string
}

const asked: readonly Asked[] = [
  { id: 'loopback', line: 'GET http://127.0.0.1/', host: '127.0.0.1', aim: port80('127.0.0.1') },
  { id: 'metadata', line: 'GET http://169.254.169.254/', host: '169.254.169.254', aim: port80('169.254.169.254') },
  { id: 'metadata-host', line: 'GET http://169.254.169.254/', host: allowedName, aim: port80('169.254.169.254') },
  { id: 'decimal', line: 'GET http://2130706433/', host: '2130706433', aim: port80('127.0.0.1') },
  { id: 'other', line: `GET http://${other}/`, host: other, aim: port80('11.22.33.55') },
  { id: 'other-host', line: `GET http://${other}/`, host: allowedName, aim: port80('11.22.33.55') },
  { id: 'host-other', line: `GET http://${allowedName}/`, host: other },
  { id: 'user', line: `GET http://${allowedName}@127.0.0.1/`, host: '127.0.0.1', aim: port80('127.0.0.1') },
  { id: 'backslash', line: `GET http://${allowedName}\\@127.0.0.1/`, host: allowedName },
  { id: 'port', line: `GET http://${allowedName}:22/`, host: `${allowedName}:22`, aim: { to: server4, port: 22 } },
  { id: 'https', line: `GET https://${allowedName}/`, host: allowedName },
  { id: 'ftp', line: `GET ftp://${allowedName}/`, host: allowedName },
  { id: 'file', line: `GET file:///etc/hostname?`, host: allowedName },
  { id: 'origin', line: 'GET /', host: allowedName },
  { id: 'origin-loop', line: 'GET /', host: '127.0.0.1' },
  { id: 'mapped', line: 'GET http://[::ffff:127.0.0.1]/', host: '[::ffff:127.0.0.1]', aim: port80('127.0.0.1') },
  { id: 'real', line: `GET http://${server4}/`, host: server4, aim: port80(server4) },
  {
    id: 'upgrade',
    line: 'GET http://127.0.0.1/',
    host: '127.0.0.1',
    aim: port80('127.0.0.1'),
    lines: 'Connection: Upgrade\r\nUpgrade: websocket\r\n',
  },
  { id: 'trace', line: `TRACE http://${other}/`, host: other, aim: port80('11.22.33.55') },
]

const byRequest = asked.map(({ id, line, host, aim, lines = '' }) =>
  say(
    `ask-${id}`,
    `a proxy that is asked for ${JSON.stringify(line)} with the Host ${host} sends nothing`,
    [`${line}${tokenOf(`ask-${id}`)} HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n`],
    { control: aim ?? { unproven: 'what a proxy makes of it differs' } },
  ),
)

const behind = say(
  'ask-second',
  'a second request on a connection to the proxy is looked at like the first',
  [
    `GET http://${allowedName}/ HTTP/1.1\r\nHost: ${allowedName}\r\n\r\n`,
    answer,
    `GET http://127.0.0.1/${tokenOf('ask-second')} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
  ],
  { leaves: 'rest', control: { unproven: 'the proxy of the control run carries one request' } },
)

const v5 = Buffer.of(5, 1, 0)
const port = (number: number): Buffer => Buffer.from([number >> 8, number & 255])

function socks(command: number, type: 'v4' | 'v6' | 'name', address: string, number: number): Buffer {
  const named = Buffer.from(address, 'latin1')
  const bytes =
    type === 'v4'
      ? Buffer.from([1, ...address.split('.').map(Number)])
      : type === 'v6'
        ? Buffer.concat([Buffer.of(4), Buffer.from(address, 'hex')])
        : Buffer.concat([Buffer.from([3, named.length]), named])
  return Buffer.concat([Buffer.from([5, command, 0]), bytes, port(number)])
}

const six = (tail: string): string => tail.padStart(32, '0')

interface SocksTo {
  readonly id: string
  readonly what: string
  readonly request: Buffer
  readonly aim?: Aim
  readonly unproven?: string
}

const requests: readonly SocksTo[] = [
  { id: 'loopback', what: '127.0.0.1', request: socks(1, 'v4', '127.0.0.1', 80), aim: port80('127.0.0.1') },
  {
    id: 'metadata',
    what: '169.254.169.254',
    request: socks(1, 'v4', '169.254.169.254', 80),
    aim: port80('169.254.169.254'),
  },
  { id: 'ten', what: '10.0.0.1', request: socks(1, 'v4', '10.0.0.1', 443), aim: { to: '10.0.0.1', port: 443 } },
  {
    id: 'real',
    what: 'the allowed server’s own address',
    request: socks(1, 'v4', server4, 443),
    aim: { to: server4, port: 443 },
  },
  { id: 'loopback6', what: '::1', request: socks(1, 'v6', six('1'), 80), aim: port80('::1') },
  {
    id: 'mapped',
    what: '::ffff:127.0.0.1',
    request: socks(1, 'v6', six('ffff7f000001'), 80),
    aim: port80('127.0.0.1'),
  },
  {
    id: 'nat64',
    what: '64:ff9b::169.254.169.254',
    request: socks(1, 'v6', `0064ff9b${'a9fea9fe'.padStart(24, '0')}`, 80),
    aim: port80('64:ff9b::a9fe:a9fe'),
  },
  {
    id: 'localhost',
    what: 'localhost',
    request: socks(1, 'name', 'localhost', 80),
    unproven: 'it may be the one or the other loopback',
  },
  {
    id: 'number',
    what: 'an address in the form of a name',
    request: socks(1, 'name', '127.0.0.1', 80),
    aim: port80('127.0.0.1'),
  },
  {
    id: 'decimal',
    what: 'an address in one number',
    request: socks(1, 'name', '2130706433', 80),
    aim: port80('127.0.0.1'),
  },
  { id: 'short', what: 'an address in two numbers', request: socks(1, 'name', '127.1', 80), aim: port80('127.0.0.1') },
  { id: 'octal', what: 'an address in octal', request: socks(1, 'name', '0177.0.0.1', 80), aim: port80('127.0.0.1') },
  { id: 'hex', what: 'an address in hexadecimal', request: socks(1, 'name', '0x7f.1', 80), aim: port80('127.0.0.1') },
  {
    id: 'nul',
    what: 'another name, a NUL and the allowed one',
    request: socks(1, 'name', `${other}\0.${allowedName}`, 443),
    aim: { to: '11.22.33.55', port: 443 },
  },
  {
    id: 'nul-back',
    what: 'the allowed name, a NUL and another',
    request: socks(1, 'name', `${allowedName}\0.${other}`, 22),
    aim: { to: server4, port: 22 },
  },
  { id: 'other', what: 'another name', request: socks(1, 'name', other, 443), aim: { to: '11.22.33.55', port: 443 } },
  {
    id: 'port',
    what: 'another port of the allowed name',
    request: socks(1, 'name', allowedName, 22),
    aim: { to: server4, port: 22 },
  },
  {
    id: 'zero-port',
    what: 'port 0 of the allowed name',
    request: socks(1, 'name', allowedName, 0),
    unproven: 'there is no such port',
  },
  { id: 'empty', what: 'an empty name', request: socks(1, 'name', '', 80), unproven: 'it may be the loopback' },
  {
    id: 'bind',
    what: 'a port to be called back on',
    request: socks(2, 'v4', '0.0.0.0', 0),
    unproven: 'few proxies do it',
  },
  { id: 'udp', what: 'a way for datagrams', request: socks(3, 'v4', '0.0.0.0', 0), unproven: 'few proxies do it' },
  {
    id: 'command',
    what: 'an unknown command',
    request: socks(9, 'name', allowedName, 443),
    unproven: 'nobody knows it',
  },
]

const bySocks = requests.map(({ id, what, request, aim, unproven }) =>
  say(`socks-${id}`, `SOCKS5 to ${what} leads nowhere`, [v5, answer, request, answer, tokenOf(`socks-${id}`)], {
    control: aim ?? { unproven: unproven ?? '' },
  }),
)

const socksMore: readonly EgressCase[] = [
  say('socks-sni', 'over SOCKS5 to the allowed name TLS for another is not carried', [
    v5,
    answer,
    socks(1, 'name', allowedName, 443),
    answer,
    clientHello({ session: tokenOf('socks-sni'), names: [other] }),
  ]),
  say('socks-host', 'over SOCKS5 to the allowed name a request for another host is not carried', [
    v5,
    answer,
    socks(1, 'name', allowedName, 80),
    answer,
    `GET /${tokenOf('socks-host')} HTTP/1.1\r\nHost: ${other}\r\n\r\n`,
  ]),
  say(
    'socks-blind',
    'a client of SOCKS5 that waits for no answer gets nowhere',
    [Buffer.concat([v5, socks(1, 'v4', '127.0.0.1', 80), Buffer.from(tokenOf('socks-blind'))])],
    { control: { unproven: 'the proxy of the control run waits' } },
  ),
  say(
    'socks-user',
    'a client of SOCKS5 with a password gets nowhere',
    [
      Buffer.of(5, 1, 2),
      answer,
      Buffer.of(1, 1, 97, 1, 97),
      answer,
      socks(1, 'v4', '127.0.0.1', 80),
      tokenOf('socks-user'),
    ],
    { control: { unproven: 'the proxy of the control run asks for none' } },
  ),
  say(
    'socks4',
    'SOCKS4 to 127.0.0.1 leads nowhere',
    [Buffer.concat([Buffer.of(4, 1), port(80), Buffer.of(127, 0, 0, 1, 97, 0)]), answer, tokenOf('socks4')],
    { control: port80('127.0.0.1') },
  ),
  say(
    'socks4a',
    'SOCKS4a to another name leads nowhere',
    [
      Buffer.concat([Buffer.of(4, 1), port(443), Buffer.of(0, 0, 0, 1, 97, 0), Buffer.from(`${other}\0`)]),
      answer,
      tokenOf('socks4a'),
    ],
    { control: { to: '11.22.33.55', port: 443 } },
  ),
  say(
    'socks4a-own',
    'SOCKS4a to the allowed name on another port leads nowhere',
    [
      Buffer.concat([Buffer.of(4, 1), port(22), Buffer.of(0, 0, 0, 1, 97, 0), Buffer.from(`${allowedName}\0`)]),
      answer,
      tokenOf('socks4a-own'),
    ],
    { control: { to: server4, port: 22 } },
  ),
  say(
    'proxy-tls',
    'TLS to the proxy itself leads nowhere',
    [clientHello({ session: tokenOf('proxy-tls'), names: [allowedName] })],
    {
      control: { to: '198.18.0.2', port: 3128 },
    },
  ),
  say(
    'proxy-noise',
    'noise to the proxy leads nowhere',
    [Buffer.concat([Buffer.alloc(64, 0xff), Buffer.from(tokenOf('proxy-noise'))])],
    {
      control: { to: '198.18.0.2', port: 3128 },
    },
  ),
]

/** The proxy of the sandbox, asked for what is not allowed, in every spelling. */
export const proxyCases: readonly EgressCase[] = [
  ...byConnect,
  ...inTunnels,
  ...byRequest,
  behind,
  ...bySocks,
  ...socksMore,
]
