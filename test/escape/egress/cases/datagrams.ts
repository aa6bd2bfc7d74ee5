import type { Records } from '../../../support/world/resolver.ts'
import { allowedName, pieces, server4, server6, tokenOf, zone, type EgressCase, type EgressRoom } from '../case.ts'
import { questionCases } from './names.ts'

const port = 123
const fourName = 'four.test'

interface Place {
  readonly id: string
  readonly what: string
  readonly host: string
  readonly unproven?: string
}

/** By number, on the port that a rule opens for names: the sockets inside are on every address of the namespace. */
const places: readonly Place[] = [
  { id: 'dg-real4', what: 'the allowed server by its own address', host: server4 },
  { id: 'dg-real6', what: 'the allowed server by its own IPv6 address', host: server6 },
  { id: 'dg-loop', what: 'the host’s loopback', host: '127.0.0.1' },
  { id: 'dg-loop6', what: 'the host’s IPv6 loopback', host: '::1' },
  { id: 'dg-any', what: 'the address of no host', host: '0.0.0.0', unproven: 'it is the host itself, by another name' },
  { id: 'dg-ten', what: 'an address of 10/8', host: '10.0.0.1' },
  { id: 'dg-metadata', what: 'the metadata service', host: '169.254.169.254' },
  { id: 'dg-multicast', what: 'a multicast group', host: '239.255.255.250' },
  { id: 'dg-everybody', what: 'everybody', host: '255.255.255.255', unproven: 'a broadcast needs an interface for it' },
  { id: 'dg-free', what: 'an address that stands for nobody', host: '198.18.200.1' },
  { id: 'dg-resolver', what: 'the resolver’s address', host: '198.18.0.1' },
  { id: 'dg-proxy', what: 'the proxy’s address', host: '198.18.0.2' },
]

const byNumber = places.map(({ id, what, host, unproven }): EgressCase => ({
  title: `a datagram to ${what} (${host}) on the allowed port goes nowhere`,
  id,
  attack: 'egress-datagram',
  args: { host, port, pieces: pieces(tokenOf(id)) },
  control: unproven === undefined ? { to: host, port } : { unproven },
}))

/** Allowed names whose owner says that they live where nobody may go. */
const lying: readonly { readonly id: string; readonly what: string; readonly records: Records }[] = [
  { id: 'dgl-loop', what: 'this machine', records: { a: ['127.0.0.1'], ttl: 0 } },
  { id: 'dgl-ten', what: 'an address of 10/8', records: { a: ['10.0.0.1'], ttl: 0 } },
  { id: 'dgl-metadata', what: 'the metadata service', records: { a: ['169.254.169.254'], ttl: 0 } },
  { id: 'dgl-multicast', what: 'a multicast group', records: { a: ['239.255.255.250'], ttl: 0 } },
  { id: 'dgl-carrier', what: 'an address of the carriers’ range', records: { a: ['100.64.0.1'], ttl: 0 } },
]

const toLies = lying.map(({ id, what, records }): EgressCase => ({
  title: `datagrams to an allowed name that is said to live at ${what} go nowhere`,
  id,
  attack: 'egress-datagram',
  args: { name: `${id}.test`, port, pieces: pieces(tokenOf(id)) },
  control: { to: records.a?.[0] ?? '', port },
}))

const otherPorts = [53, 80, 443, 1900, 5353, 8080].map((other): EgressCase => ({
  title: `a name that takes datagrams on one port takes none on ${other}`,
  id: `dg-port-${other}`,
  attack: 'egress-datagram',
  args: { name: allowedName, port: other, pieces: pieces(tokenOf(`dg-port-${other}`)) },
  control: { to: server4, port: other },
}))

/** Of the suite's servers one answers from where it was asked, by IPv4. */
const allowed: readonly EgressCase[] = [
  {
    title: 'datagrams to the allowed name and port are answered',
    id: 'dg-allowed',
    attack: 'egress-datagram',
    args: { name: fourName, port, pieces: pieces(tokenOf('dg-allowed')) },
    leaves: 'all',
  },
]

const others: readonly EgressCase[] = [
  {
    title: 'a rule for datagrams opens no connection',
    id: 'dg-stream',
    attack: 'egress-say',
    args: { name: allowedName, port: 443, pieces: pieces(tokenOf('dg-stream')) },
    control: { to: server4, port: 443 },
  },
  {
    title: 'the ports of datagrams cannot be taken over',
    id: 'dg-bind',
    attack: 'egress-bind',
    args: { hosts: '0.0.0.0,::,198.18.0.1,127.0.0.1,198.18.200.1', port, kind: 'udp' },
    control: { unproven: 'what it aims at is there in a sandbox only' },
  },
]

/** Beside a rule for datagrams the resolver is what it was. */
const tunnels = questionCases.filter(({ id }) => ['txt', 'address', 'below', 'below-txt'].includes(id))

/** A policy with datagrams to some names, on one port. */
export const datagramRoom: EgressRoom = {
  name: 'datagrams',
  protocol: 17,
  allow: [allowedName, fourName, ...lying.map(({ id }) => `${id}.test`)].map((name) => `${name}:${port}/udp`),
  zone: {
    ...zone,
    [fourName]: { a: [server4], ttl: 0 },
    ...Object.fromEntries(lying.map(({ id, records }) => [`${id}.test`, records])),
  },
  servers: [server4, server6],
  ports: [port],
  names: [allowedName, fourName, ...lying.map(({ id }) => `${id}.test`)],
  cases: [...allowed, ...byNumber, ...toLies, ...otherPorts, ...others, ...tunnels],
}
