import { allowedName, answer, gone, pieces, tokenOf, type EgressCase } from '../case.ts'
import { good, head, host, own, word, type Asked } from './asked.ts'
import { smuggling, versions } from './smuggling.ts'

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
const foundOut: ReadonlySet<string> = new Set([
  'host-other',
  'host-twice',
  'keep-alive',
  'pipelined',
  'absolute-other',
  'cl-te',
  'h2-preface',
  'h2-split',
  'split-host',
])
const byFirstBytes = [...hosts, ...smuggling, ...versions].filter(({ id }) => foundOut.has(id))

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
