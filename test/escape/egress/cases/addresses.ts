import { allowedName, pieces, server4, server6, tokenOf, type Aim, type EgressCase } from '../case.ts'

interface Place {
  readonly id: string
  readonly what: string
  readonly host: string
  readonly port?: number
}

/** By number, past the resolver. 443 and 80 are listened on inside, whatever address of the sandbox's own is meant. */
const places: readonly Place[] = [
  { id: 'real4', what: 'the allowed server by its own address', host: server4 },
  { id: 'real6', what: 'the allowed server by its own IPv6 address', host: server6 },
  { id: 'mapped', what: 'the allowed server by its address in the form of IPv6', host: `::ffff:${server4}` },
  { id: 'loop', what: 'the host’s loopback', host: '127.0.0.1' },
  { id: 'loop80', what: 'a web server on the host’s loopback', host: '127.0.0.1', port: 80 },
  { id: 'loop-other', what: 'another address of the host’s loopback', host: '127.9.9.9' },
  { id: 'loop6', what: 'the host’s IPv6 loopback', host: '::1' },
  { id: 'loop-mapped', what: 'the host’s loopback in the form of IPv6', host: '::ffff:127.0.0.1' },
  { id: 'any4', what: 'the address of no host', host: '0.0.0.0' },
  { id: 'any6', what: 'the IPv6 address of no host', host: '::' },
  { id: 'metadata', what: 'the metadata service', host: '169.254.169.254', port: 80 },
  { id: 'metadata6', what: 'the IPv6 metadata service', host: 'fd00:ec2::254', port: 80 },
  { id: 'metadata-ali', what: 'a metadata service in the carriers’ range', host: '100.100.100.200', port: 80 },
  { id: 'link-local', what: 'a link-local address', host: '169.254.1.1' },
  { id: 'carrier', what: 'an address of the carriers’ range', host: '100.64.0.1' },
  { id: 'ten', what: 'an address of 10/8', host: '10.0.0.1' },
  { id: 'seventeen', what: 'an address of 172.16/12', host: '172.16.0.1' },
  { id: 'nineteen', what: 'an address of 192.168/16', host: '192.168.1.1' },
  { id: 'unique-local', what: 'a unique local address', host: 'fd00::1' },
  { id: 'nat64', what: 'the metadata service behind a translator', host: '64:ff9b::a9fe:a9fe', port: 80 },
  { id: 'sixtofour', what: 'the host’s loopback behind a tunnel', host: '2002:7f00:1::1' },
  { id: 'synthetic-first', what: 'the first of the addresses that stand for names', host: '198.18.0.0' },
  { id: 'synthetic-kept', what: 'one that is kept for services', host: '198.18.0.77' },
  { id: 'synthetic-free', what: 'one that was given to nobody', host: '198.18.200.1' },
  { id: 'synthetic-last', what: 'the last of them', host: '198.19.255.255' },
  { id: 'synthetic-free6', what: 'an IPv6 one that was given to nobody', host: 'fd67:6c6f:7665::ffff' },
  { id: 'synthetic-far6', what: 'an IPv6 one far behind the last', host: 'fd67:6c6f:7665::1:0:100' },
  { id: 'resolver443', what: 'the resolver’s address on an allowed port', host: '198.18.0.1' },
  { id: 'proxy443', what: 'the proxy’s address on an allowed port', host: '198.18.0.2' },
]

const direct = places.map(({ id, what, host, port = 443 }): EgressCase => ({
  title: `${what} (${host}) is not reached by number`,
  id,
  attack: 'egress-say',
  args: { host, port, pieces: pieces(tokenOf(id)) },
  // In a host's network the address of no host is the host itself.
  control: { to: host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : plain(host), port },
}))

function plain(host: string): string {
  return host.replace(/^::ffff:/, '')
}

interface Datagram extends Place {
  readonly name?: string
}

const datagrams: readonly Datagram[] = [
  { id: 'udp-real', what: 'the allowed server', host: server4, port: 443 },
  { id: 'udp-loop', what: 'the host’s loopback', host: '127.0.0.1', port: 443 },
  { id: 'udp-ten', what: 'an address of 10/8', host: '10.0.0.1', port: 123 },
  { id: 'udp-metadata', what: 'the metadata service', host: '169.254.169.254', port: 80 },
  { id: 'udp-multicast', what: 'a multicast group', host: '239.255.255.250', port: 1900 },
  { id: 'udp-broadcast', what: 'everybody', host: '255.255.255.255', port: 1900 },
  { id: 'udp-multicast6', what: 'an IPv6 multicast group', host: 'ff0e::c', port: 1900 },
  { id: 'udp-free', what: 'an address that stands for nobody', host: '198.18.200.1', port: 443 },
]

const byDatagram = datagrams.map(({ id, what, host, port = 443 }): EgressCase => ({
  title: `a datagram to ${what} (${host}) goes nowhere`,
  id,
  attack: 'egress-datagram',
  args: { host, port, pieces: pieces(tokenOf(id)) },
  control: unlessNoWay(host, port),
}))

function unlessNoWay(host: string, port: number): Aim | { unproven: string } {
  if (host === '255.255.255.255') return { unproven: 'a broadcast needs an interface that has one' }
  return { to: host, port }
}

const calls = ['mptcp', 'fast-open', 'fast-open-connect'] as const
const byOtherCalls = calls.flatMap((by): EgressCase[] => [
  {
    title: `${by} does not reach the allowed server by its own address`,
    id: `${by}-real`,
    attack: 'egress-say',
    args: { host: server4, port: 443, by, pieces: pieces(tokenOf(`${by}-real`)) },
    control: by === 'mptcp' ? { unproven: 'not every kernel has it' } : { to: server4, port: 443 },
  },
  {
    title: `${by} to an allowed name carries nothing past the checks`,
    id: `${by}-name`,
    attack: 'egress-say',
    args: { name: allowedName, port: 443, by, pieces: pieces(tokenOf(`${by}-name`)) },
    ...(by === 'mptcp' ? { control: { unproven: 'not every kernel has it' } } : {}),
  },
])

const unproven = { unproven: 'shown in network.test.ts' }

/** Whatever else carries bytes; the empty network namespace is what holds, and a network list must not have opened it. */
const otherDoors: readonly EgressCase[] = [
  { title: 'raw sockets are not there', id: 'raw', attack: 'raw', args: {}, control: unproven },
  { title: 'packet sockets are not there', id: 'packet', attack: 'packet', args: {}, control: unproven },
  { title: 'the hypervisor cannot be called', id: 'vsock', attack: 'vsock', args: {}, control: unproven },
  { title: 'no family of sockets is new', id: 'families', attack: 'every-family', args: {}, control: unproven },
  {
    title: 'addresses and routes cannot be changed',
    id: 'routes',
    attack: 'netlink-route',
    args: {},
    control: unproven,
  },
  {
    title: 'no netlink but that for routes exists',
    id: 'netlink',
    attack: 'netlink-families',
    args: {},
    control: unproven,
  },
  {
    title: 'options that need privileges are refused',
    id: 'options',
    attack: 'socket-options',
    args: {},
    control: unproven,
  },
  {
    title: 'SCTP, DCCP, UDP-Lite, ICMP, SMC, L2TP and raw IP carry nothing to an allowed name',
    id: 'transports',
    attack: 'egress-transports',
    args: { name: allowedName, port: 443 },
    control: unproven,
  },
  {
    title: 'io_uring makes no connection',
    id: 'uring',
    attack: 'uring-connect',
    args: { host: '198.18.200.1', port: 443 },
    control: unproven,
  },
  {
    title: 'addresses that lie about their length or family lead nowhere',
    id: 'confusion',
    attack: 'connect-confusion',
    args: { host: server4, port: 443 },
    control: unproven,
  },
]

const otherPorts = [22, 25, 853, 8443, 53, 3128, 5432].map((port): EgressCase => ({
  title: `an allowed name is not reached on port ${port}`,
  id: `port-${port}`,
  attack: 'egress-say',
  args: { name: allowedName, port, pieces: pieces(tokenOf(`port-${port}`)) },
  control: { to: server4, port },
}))

const datagramsToNames = [443, 80, 53, 8080].map((port): EgressCase => ({
  title: `an allowed name takes no datagrams on port ${port}`,
  id: `name-udp-${port}`,
  attack: 'egress-datagram',
  args: { name: allowedName, port, pieces: pieces(tokenOf(`name-udp-${port}`)) },
  control: { to: server4, port },
}))

/** Connections to whom nobody allowed, by every call and in every family. */
export const addressCases: readonly EgressCase[] = [
  ...direct,
  ...byDatagram,
  ...byOtherCalls,
  ...otherDoors,
  ...otherPorts,
  ...datagramsToNames,
]
