import { existsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { Attack, Control, Scene } from '../support/attack.ts'

const host: Control = { on: 'host' }
const namespaces: Control = { on: 'namespaces' }

/** An address of this machine that is not its loopback: as far outside as a test can reach. */
function outwardAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const found = all.find(({ family, internal }) => family === 'IPv4' && !internal)
  // Of a machine without any network, an address that is nobody's: then the control run is refused too.
  return found?.address ?? '127.0.0.1'
}

interface Target {
  readonly id: string
  readonly what: string
  readonly host: string
  readonly port: 'tcp4' | 'tcp6' | 'udp4' | 'udp6'
}

const tcp: readonly Target[] = [
  { id: 'loopback', what: 'the host’s loopback', host: '127.0.0.1', port: 'tcp4' },
  { id: 'other-loopback', what: 'another address of the host’s loopback', host: '127.9.9.9', port: 'tcp4' },
  { id: 'any', what: 'the address of no host', host: '0.0.0.0', port: 'tcp4' },
  { id: 'outward', what: 'an address of the host in its network', host: outwardAddress(), port: 'tcp4' },
  { id: 'loopback6', what: 'the host’s IPv6 loopback', host: '::1', port: 'tcp6' },
  { id: 'mapped', what: 'the host’s loopback as an IPv6 address', host: '::ffff:127.0.0.1', port: 'tcp4' },
]
const udp: readonly Target[] = [
  { id: 'loopback', what: 'the host’s loopback', host: '127.0.0.1', port: 'udp4' },
  { id: 'outward', what: 'an address of the host in its network', host: outwardAddress(), port: 'udp4' },
  { id: 'loopback6', what: 'the host’s IPv6 loopback', host: '::1', port: 'udp6' },
]

const hasSix = existsSync('/proc/net/if_inet6')
const reachable = ({ port }: Target): boolean => hasSix || port.endsWith('4')

function to({ host: address, port }: Target): (scene: Scene) => Record<string, string | number> {
  // Our own loopback takes a datagram for nobody: whether it went outside, the witness says.
  const own = address === '127.0.0.1' || address === '::1'
  return ({ place, side }) => ({
    host: address,
    port: place.witness.ports[port] ?? 0,
    ...(own && side === 'jail' ? { 'own-loopback': 1 } : {}),
  })
}

function each(name: string, targets: readonly Target[], title: (what: string) => string, unless?: string[]): Attack[] {
  return targets.filter(reachable).map((target): Attack => ({
    title: title(target.what),
    name,
    id: `${name}-${target.id}`,
    args: to(target),
    control: unless ? { on: 'host', unless } : host,
    touches: target.port,
  }))
}

const first = tcp.filter(({ id }) => id === 'loopback')
const both = tcp.filter(({ id }) => id === 'loopback' || id === 'outward')

export const inet: readonly Attack[] = [
  ...each('tcp', tcp, (what) => `TCP does not reach ${what}`),
  ...each('tcp-nonblocking', both, (what) => `a connection that does not wait does not reach ${what}`),
  ...each('tcp-fast-open', both, (what) => `data in the first packet does not reach ${what}`),
  ...each(
    'tcp-fast-open-connect',
    both,
    (what) => `a connection that is put off until the first write does not reach ${what}`,
  ),
  ...each('mptcp', both, (what) => `multipath TCP does not reach ${what}`, ['ENOPROTOOPT', 'EPROTONOSUPPORT']),
  ...each('udp', udp, (what) => `UDP does not reach ${what}`),
  ...each('udp-connected', udp, (what) => `a connected UDP socket does not reach ${what}`),
  ...each('udp-sendmsg', udp, (what) => `UDP by sendmsg does not reach ${what}`),
  ...each('udp-sendmmsg', udp, (what) => `UDP by sendmmsg does not reach ${what}`),
  ...each('uring-connect', both, (what) => `io_uring does not reach ${what}`, ['ENOSYS', 'EPERM']),
  ...each('connect-confusion', first, (what) => `addresses that lie about their length or family do not reach ${what}`),
  {
    title: 'no other transport protocol can be used',
    name: 'transport-variants',
    args: ({ place }) => ({ host: '127.0.0.1', port: place.witness.ports['tcp4'] ?? 0 }),
    control: host,
  },
]

export const families: readonly Attack[] = [
  { title: 'packets cannot be made by hand', name: 'raw', control: namespaces },
  { title: 'frames cannot be read from the wire', name: 'packet', control: namespaces },
  { title: 'options of sockets that need privileges are refused', name: 'socket-options', control: namespaces },
  {
    title: 'the hypervisor cannot be called',
    name: 'vsock',
    control: { on: 'host', unless: ['EAFNOSUPPORT', 'ENODEV'] },
  },
  {
    title: 'the kernel’s cryptography cannot be used by socket',
    name: 'crypto-socket',
    control: { on: 'host', unless: ['EAFNOSUPPORT'] },
  },
  { title: 'bluetooth cannot be used', name: 'bluetooth', control: { on: 'host', unless: ['EAFNOSUPPORT'] } },
  {
    title: 'no family of sockets but Unix, IPv4, IPv6 and netlink exists',
    name: 'every-family',
    control: { on: 'host', as: 'root' },
  },
  { title: 'no netlink but that for routes exists', name: 'netlink-families', control: host },
  { title: 'addresses, interfaces and routes cannot be changed', name: 'netlink-route', control: namespaces },
  { title: 'events of the host’s devices cannot be heard', name: 'netlink-events', control: host },
]

/** `kind` of the witness's sockets in the workspace, which the sandbox can see. */
const path =
  (kind: string) =>
  ({ place }: Scene): Record<string, string> => ({ socket: `${place.ws}/host-${kind}.sock` })
const abstract =
  (kind: string) =>
  ({ place }: Scene): Record<string, string> => ({ socket: `@host-${place.name}-${kind}` })

export const unix: readonly Attack[] = [
  ...(['stream', 'seqpacket', 'datagram'] as const).flatMap((kind): Attack[] => [
    {
      title: `a ${kind} socket of the host in a shared directory cannot be used`,
      name: `unix-${kind}`,
      id: `path-${kind}`,
      args: path(kind),
      control: host,
      touches: `unix-${kind}`,
    },
    {
      title: `an abstract ${kind} socket of the host cannot be used (CVE-2020-15257)`,
      name: `unix-${kind}`,
      id: `abstract-${kind}`,
      args: abstract(kind),
      control: host,
      touches: `abstract-${kind}`,
    },
  ]),
  {
    title: 'a socket of the host cannot be used under any other name',
    name: 'unix-spellings',
    args: path('stream'),
    control: host,
    touches: 'unix-stream',
  },
  {
    title: 'a path that fills its address and has no end leads nowhere',
    name: 'unix-long-path',
    args: path('stream'),
    control: host,
    touches: 'unix-stream',
  },
  {
    title: 'a socket of the host cannot be used through a descriptor of its file',
    name: 'unix-descriptor',
    args: path('stream'),
    control: host,
    touches: 'unix-stream',
  },
  {
    title: 'no descriptor can be taken from a socket of the host',
    name: 'unix-take-descriptor',
    args: path('stream'),
    control: host,
    touches: 'unix-stream',
  },
  {
    title: 'no socket of the sandbox can be put where the host would use it',
    name: 'unix-bind',
    args: ({ place }) => ({ ws: place.ws }),
    control: host,
  },
  {
    title: 'a pair of datagram sockets sends nothing to a socket of the host',
    name: 'unix-socketpair-datagram',
    args: path('datagram'),
    control: host,
    touches: 'unix-datagram',
  },
]
