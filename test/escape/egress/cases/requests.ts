import { allowedName, answer, gone, pieces, tokenOf, type EgressCase, type Piece } from '../case.ts'

interface Asked {
  readonly id: string
  readonly title: string
  readonly say: readonly Piece[]
  /** A request before it, or of it, may arrive; the token may not. */
  readonly rest?: true
}

const host = allowedName
const own = `Host: ${host}`
const word = (id: string): string => `/${tokenOf(id)}`
/** Allowed, with nothing in it. */
const good = `GET / HTTP/1.1\r\n${own}\r\n\r\n`

/** A request with these lines in its head, and this body. */
function head(
  id: string,
  lines: readonly string[],
  { version = '1.1', method = 'GET', target = word(id), body = '' } = {},
): string {
  return [`${method} ${target} HTTP/${version}`, ...lines, '', body].join('\r\n')
}

const smuggled = (id: string): string => `GET ${word(id)} HTTP/1.1\r\nHost: other.test\r\n\r\n`

/** For the wrong host. */
const hosts: readonly Asked[] = [
  { id: 'host-other', title: 'a request for another host', say: [head('host-other', ['Host: other.test'])] },
  { id: 'host-none', title: 'a request for no host', say: [head('host-none', [])] },
  {
    id: 'host-none-10',
    title: 'a request of HTTP/1.0 for no host',
    say: [head('host-none-10', [], { version: '1.0' })],
  },
  {
    id: 'host-other-10',
    title: 'a request of HTTP/1.0 for another host',
    say: [head('host-other-10', ['Host: other.test'], { version: '1.0' })],
  },
  { id: 'host-09', title: 'a request of HTTP/0.9', say: [`GET ${word('host-09')}\r\n`] },
  { id: 'host-empty', title: 'a request for an empty host', say: [head('host-empty', ['Host:'])] },
  { id: 'host-twice', title: 'a request for two hosts', say: [head('host-twice', [own, 'Host: other.test'])] },
  {
    id: 'host-twice-back',
    title: 'a request for two hosts, the other first',
    say: [head('host-twice-back', ['Host: other.test', own])],
  },
  { id: 'host-list', title: 'a request for a list of hosts', say: [head('host-list', [`Host: ${host}, other.test`])] },
  {
    id: 'host-port',
    title: 'a request for another port of the host',
    say: [head('host-port', [`Host: ${host}:8080`])],
  },
  {
    id: 'host-user',
    title: 'a request for a user at another host',
    say: [head('host-user', [`Host: ${host}@other.test`])],
  },
  {
    id: 'host-hash',
    title: 'a request for another host with a fragment',
    say: [head('host-hash', [`Host: other.test#${host}`])],
  },
  {
    id: 'host-slash',
    title: 'a request for another host with a path',
    say: [head('host-slash', [`Host: other.test/${host}`])],
  },
  {
    id: 'host-space',
    title: 'a request whose Host has a space before its colon',
    say: [head('host-space', [`Host : other.test`, own])],
  },
  {
    id: 'host-tab',
    title: 'a request for two hosts with a tab between',
    say: [head('host-tab', [`Host: ${host}\tother.test`])],
  },
  {
    id: 'host-nul',
    title: 'a request for the host, a NUL and another',
    say: [head('host-nul', [`Host: ${host}\0.other.test`])],
  },
  { id: 'host-address', title: 'a request for an address', say: [head('host-address', ['Host: 169.254.169.254'])] },
  {
    id: 'host-folded',
    title: 'a request whose Host goes on in the next line',
    say: [head('host-folded', ['Host: other.test,', ` ${host}`])],
  },
  {
    id: 'host-unicode',
    title: 'a request for a host with bytes beyond ASCII',
    say: [head('host-unicode', [`Host: ${host}\u00a0`])],
  },
  {
    id: 'absolute-other',
    title: 'a request with another host in its line',
    say: [head('absolute-other', [own], { target: `http://other.test${word('absolute-other')}` })],
  },
  {
    id: 'absolute-host',
    title: 'a request with the host in its line and another in its Host',
    say: [head('absolute-host', ['Host: other.test'], { target: `http://${host}${word('absolute-host')}` })],
  },
  {
    id: 'absolute-user',
    title: 'a request with a user at another host in its line',
    say: [head('absolute-user', [own], { target: `http://${host}@other.test${word('absolute-user')}` })],
  },
  {
    id: 'absolute-scheme',
    title: 'a request with another scheme in its line',
    say: [head('absolute-scheme', [own], { target: `ftp://${host}${word('absolute-scheme')}` })],
  },
  {
    id: 'authority-form',
    title: 'a CONNECT to another host on a connection to the server',
    say: [
      head('authority-form', ['Host: other.test:443'], { method: 'CONNECT', target: 'other.test:443' }) +
        tokenOf('authority-form'),
    ],
  },
  {
    id: 'double-slash',
    title: 'a request with a scheme-relative target',
    say: [head('double-slash', ['Host: other.test'], { target: `//other.test${word('double-slash')}` })],
  },
  {
    id: 'keep-alive',
    title: 'a second request for another host',
    say: [good, answer, head('keep-alive', ['Host: other.test'])],
    rest: true,
  },
  {
    id: 'pipelined',
    title: 'a second request for another host in the same write',
    say: [good + head('pipelined', ['Host: other.test'])],
    rest: true,
  },
  {
    id: 'third',
    title: 'a third request for another host',
    say: [good, answer, good, answer, head('third', ['Host: other.test'])],
    rest: true,
  },
  {
    id: 'split-host',
    title: 'a request whose Host comes in two pieces',
    say: [`GET ${word('split-host')} HTTP/1.1\r\nHost: oth`, gone, 'er.test\r\n\r\n'],
  },
]

/** Read in two ways by two readers. */
const smuggling: readonly Asked[] = [
  {
    id: 'cl-te',
    title: 'a request with two kinds of length',
    say: [
      head('cl-te', [own, 'Content-Length: 6', 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        body: `0\r\n\r\n${smuggled('cl-te')}`,
      }),
    ],
  },
  {
    id: 'te-cl',
    title: 'a request with two kinds of length, the other way round',
    say: [
      head('te-cl', [own, 'Transfer-Encoding: chunked', 'Content-Length: 4'], {
        method: 'POST',
        target: '/',
        body: `5c\r\n${smuggled('te-cl')}\r\n0\r\n\r\n`,
      }),
    ],
  },
  {
    id: 'cl-cl',
    title: 'a request with two lengths',
    say: [
      head('cl-cl', [own, 'Content-Length: 0', 'Content-Length: 60'], {
        method: 'POST',
        target: '/',
        body: smuggled('cl-cl'),
      }),
    ],
  },
  {
    id: 'cl-list',
    title: 'a request with a list of lengths',
    say: [head('cl-list', [own, 'Content-Length: 0, 60'], { method: 'POST', target: '/', body: smuggled('cl-list') })],
  },
  {
    id: 'cl-plus',
    title: 'a request with a length with a sign',
    say: [head('cl-plus', [own, 'Content-Length: +0'], { method: 'POST', target: '/', body: smuggled('cl-plus') })],
  },
  {
    id: 'cl-hex',
    title: 'a request with a length in hexadecimal',
    say: [head('cl-hex', [own, 'Content-Length: 0x0'], { method: 'POST', target: '/', body: smuggled('cl-hex') })],
  },
  {
    id: 'te-space',
    title: 'a coding with a space before its colon',
    say: [
      head('te-space', [own, 'Transfer-Encoding : chunked', 'Content-Length: 5'], {
        method: 'POST',
        target: '/',
        body: `0\r\n\r\n${smuggled('te-space')}`,
      }),
    ],
  },
  {
    id: 'te-other',
    title: 'a coding that nobody knows',
    say: [
      head('te-other', [own, 'Transfer-Encoding: xchunked'], {
        method: 'POST',
        target: '/',
        body: `0\r\n\r\n${smuggled('te-other')}`,
      }),
    ],
  },
  {
    id: 'te-two',
    title: 'two codings',
    say: [
      head('te-two', [own, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], {
        method: 'POST',
        target: '/',
        body: `0\r\n\r\n${smuggled('te-two')}`,
      }),
    ],
  },
  {
    id: 'te-10',
    title: 'chunks in HTTP/1.0',
    say: [
      head('te-10', [own, 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        version: '1.0',
        body: `0\r\n\r\n${smuggled('te-10')}`,
      }),
    ],
  },
  {
    id: 'te-folded',
    title: 'a coding that goes on in the next line',
    say: [
      head('te-folded', [own, 'Transfer-Encoding:', ' chunked', 'Content-Length: 5'], {
        method: 'POST',
        target: '/',
        body: `0\r\n\r\n${smuggled('te-folded')}`,
      }),
    ],
  },
  {
    id: 'bare-lf',
    title: 'lines that end without a return',
    say: [`GET / HTTP/1.1\n${own}\n\n${smuggled('bare-lf')}`],
    rest: true,
  },
  {
    id: 'bare-lf-header',
    title: 'a line within a value',
    say: [`GET ${word('bare-lf-header')} HTTP/1.1\r\n${own}\r\nX: a\nHost: other.test\r\n\r\n`],
  },
  {
    id: 'bare-cr',
    title: 'a return within a value',
    say: [`GET ${word('bare-cr')} HTTP/1.1\r\n${own}\r\nX: a\rHost: other.test\r\n\r\n`],
  },
  { id: 'nul-value', title: 'a NUL within a value', say: [head('nul-value', [own, 'X: a\0b'])] },
  {
    id: 'nul-target',
    title: 'a NUL within a target',
    say: [head('nul-target', [own], { target: `/a\0${tokenOf('nul-target')}` })],
  },
  {
    id: 'space-target',
    title: 'a space within a target',
    say: [head('space-target', [own], { target: `/a ${tokenOf('space-target')}` })],
  },
  { id: 'header-name', title: 'a name of a header with a space', say: [head('header-name', [own, 'X Y: 1'])] },
  {
    id: 'header-first',
    title: 'a first line that begins with a space',
    say: [`GET ${word('header-first')} HTTP/1.1\r\n Host: other.test\r\n${own}\r\n\r\n`],
  },
  {
    id: 'header-large',
    title: 'a head of 128 KB',
    say: [head('header-large', [own]).slice(0, -2), 'X: ', { text: 'x', times: 128 * 1024 }, '\r\n\r\n'],
  },
  {
    id: 'header-many',
    title: 'a head of 5,000 lines',
    say: [head('header-many', [own]).slice(0, -2), { text: 'X: 1\r\n', times: 5000 }, '\r\n'],
  },
  {
    id: 'chunk-extension',
    title: 'an extension of a chunk',
    say: [
      head('x', [own, 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        body: `1;${tokenOf('chunk-extension')}=1\r\na\r\n0\r\n\r\n`,
      }),
    ],
    rest: true,
  },
  {
    id: 'chunk-size',
    title: 'a chunk whose size has a sign',
    say: [
      head('chunk-size', [own, 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        body: `-1\r\n${tokenOf('chunk-size')}\r\n0\r\n\r\n`,
      }),
    ],
    rest: true,
  },
  {
    id: 'chunk-huge',
    title: 'a chunk whose size is more than a number holds',
    say: [
      head('chunk-huge', [own, 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        body: `10000000000000000\r\n${tokenOf('chunk-huge')}`,
      }),
    ],
    rest: true,
  },
  {
    id: 'chunk-lf',
    title: 'chunks whose lines end without a return',
    say: [
      head('chunk-lf', [own, 'Transfer-Encoding: chunked'], {
        method: 'POST',
        target: '/',
        body: `1\na\n0\n\n${smuggled('chunk-lf')}`,
      }),
    ],
    rest: true,
  },
  {
    id: 'trailer-host',
    title: 'a Host behind the body',
    say: [
      head('x', [own, 'Transfer-Encoding: chunked', 'Trailer: Host'], {
        method: 'POST',
        target: '/',
        body: `1\r\na\r\n0\r\nHost: ${tokenOf('trailer-host')}.other.test\r\n\r\n`,
      }),
    ],
    rest: true,
  },
  {
    id: 'get-body',
    title: 'a request for another host as the body of a GET',
    say: [head('get-body', [own], { target: '/', body: '' }) + smuggled('get-body')],
    rest: true,
  },
  {
    id: 'connection-host',
    title: 'a Host that is named as being for one hop',
    say: [head('connection-host', ['Host: other.test', 'Connection: Host'])],
  },
  {
    id: 'expect',
    title: 'a body that waits, and a request for another host behind it',
    say: [
      head('x', [own, 'Expect: 100-continue', 'Content-Length: 0'], { method: 'POST', target: '/' }) +
        smuggled('expect'),
    ],
    rest: true,
  },
]

const versions: readonly Asked[] = [
  { id: 'h2-preface', title: 'HTTP/2 in the clear', say: [`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${tokenOf('h2-preface')}`] },
  {
    id: 'h2-split',
    title: 'HTTP/2 in the clear in two pieces',
    say: ['PRI * HTT', gone, `P/2.0\r\n\r\nSM\r\n\r\n${tokenOf('h2-split')}`],
  },
  {
    id: 'h2-behind',
    title: 'HTTP/2 in the clear behind a request',
    say: [good, answer, `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${tokenOf('h2-behind')}`],
    rest: true,
  },
  {
    id: 'h2c',
    title: 'an upgrade to HTTP/2',
    say: [
      head('x', [own, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'], {
        target: '/',
      }),
      answer,
      `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${tokenOf('h2c')}`,
    ],
    rest: true,
  },
  { id: 'version-12', title: 'a version that there is not', say: [head('version-12', [own], { version: '1.2' })] },
  {
    id: 'version-word',
    title: 'another protocol in the form of HTTP, for another host',
    say: [`OPTIONS ${word('version-word')} RTSP/1.0\r\nHost: other.test\r\n\r\n`],
  },
]

const onPort = (port: number, asked: readonly Asked[], suffix: string): EgressCase[] =>
  asked.map(({ id, title, say, rest }) => ({
    title: `${title} is not carried to the allowed server${suffix}`,
    id: port === 80 ? id : `${id}-${port}`,
    attack: 'egress-say',
    args: { name: allowedName, port, pieces: pieces(...say.map((piece) => onPortOf(piece, port, id))) },
    ...(rest ? { leaves: 'rest' as const } : {}),
  }))

/** On another port the Host has it, and so have the tokens. */
function onPortOf<T>(piece: T, port: number, id: string): T | string {
  if (port === 80 || typeof piece !== 'string') return piece
  return piece.replaceAll(own, `${own}:${port}`).replaceAll(tokenOf(id), `${tokenOf(id)}-${port}`)
}

/** A few of all by the other way: on any port but 80 what it is, is found out by its first bytes. */
const foundOut = [
  'host-other',
  'host-twice',
  'keep-alive',
  'pipelined',
  'absolute-other',
  'cl-te',
  'h2-preface',
  'h2-split',
  'split-host',
]
const byFirstBytes = [...hosts, ...smuggling, ...versions].filter(({ id }) => foundOut.includes(id))

const redirect: readonly EgressCase[] = [
  {
    title: 'an answer that sends to the metadata service is not followed by the host',
    id: 'redirect',
    attack: 'egress-say',
    args: { name: allowedName, port: 80, pieces: pieces(`GET /redirect HTTP/1.1\r\n${own}\r\n\r\n`) },
    leaves: 'rest',
    control: { unproven: 'it is no attack' },
  },
  {
    title: 'an answer that sends to the metadata service cannot be followed from inside through the proxy',
    id: 'redirect-proxy',
    attack: 'egress-say',
    args: {
      host: '198.18.0.2',
      port: 3128,
      pieces: pieces(`GET http://169.254.169.254/gbx-redirect-proxy HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n`),
    },
    control: { to: '169.254.169.254', port: 80 },
  },
]

const served: EgressCase = {
  title: 'a request for the allowed host is served',
  id: 'served',
  attack: 'egress-say',
  args: { name: allowedName, port: 80, pieces: pieces(head('served', [own])) },
  leaves: 'all',
  control: { unproven: 'it is no attack' },
}

/** Requests in the clear to the allowed server that are for another, or may be read as one for another. */
export const requestCases: readonly EgressCase[] = [
  served,
  ...onPort(80, [...hosts, ...smuggling, ...versions], ''),
  ...onPort(8080, byFirstBytes, ', on a port that is not only for HTTP'),
  ...redirect,
]
