import { defaultNetworkLimits } from '../../policy/network/words.ts'
import { field, list, table } from './collections.ts'
import { addressRange, networkRule, publishedPort, resolver } from './rules.ts'
import type { Shape } from './shape.ts'
import { duration, flag, number, size } from './values.ts'

export interface NetworkConfig {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly private?: readonly string[]
  readonly resolvers?: readonly string[]
  readonly publish?: readonly string[]
  readonly limits?: NetworkLimitsConfig
  readonly ask?: boolean
}

/** Bytes and milliseconds: the units are read already. */
export interface NetworkLimitsConfig {
  readonly connections?: number
  readonly bandwidth?: number
  readonly bytes?: number
  readonly idle?: number
}

const limitsShape = table<NetworkLimitsConfig>({
  connections: field(
    number({ min: 1, max: 65_535, whole: true }),
    'Connections at once; what comes beyond is reset.',
    defaultNetworkLimits.connections,
  ),
  bandwidth: field(size(1024 ** 2, '10M'), 'Bytes a second, both directions of all connections together.'),
  bytes: field(size(1024 ** 2, '1G'), 'Bytes ever, both directions of all connections together.'),
  idle: field(
    duration('15m'),
    'A connection over which nothing moved for so long is closed.',
    `${defaultNetworkLimits.idleMs / 60_000}m`,
  ),
})

export const networkShape: Shape<NetworkConfig> = table<NetworkConfig>({
  allow: field(
    list(networkRule('allow', { presets: true })),
    'Who may be connected to: `NAME`, `NAME:PORT`, `*.NAME`, `ADDRESS:PORT`, `RANGE:PORT`, `preset:NAME`; without a port it is 443. `NAME:PORT/udp` is for datagrams instead of connections.',
    [],
  ),
  deny: field(
    list(networkRule('deny', { presets: true })),
    'Who may not, whatever `allow` has; without a port it is every port, and without `/udp` or `/tcp` both.',
    [],
  ),
  private: field(
    list(addressRange()),
    'Ranges of addresses in which allowed names may live besides the public internet.',
    [],
  ),
  resolvers: field(list(resolver()), 'Name servers to ask instead of those of the host.', []),
  publish: field(
    list(publishedPort()),
    'Ports of the sandbox that this machine reaches: `PORT`, `HOSTPORT:PORT`, `ADDRESS:HOSTPORT:PORT`; the address is one of the loopback, 127.0.0.1 without one; without a host port, or with 0, one that is free.',
    [],
  ),
  ask: field(
    flag(),
    'Ask the person at the client about names that no rule has, where the client can: once, always, no.',
    false,
  ),
  limits: field(limitsShape, 'Limits for all connections of the sandbox together.'),
})
