/** Whom a sandbox may talk to, read from the words of the policy: pure data, the same for every driver. */
export interface Network {
  /** A connection is allowed when some rule of `allow` has it and none of `deny` does. At least one: without any there is no network. */
  readonly allow: readonly NetworkRule[]
  readonly deny: readonly NetworkRule[]
  /** Private ranges in which allowed *names* may live; opens no address by itself. */
  readonly private: readonly AddressRange[]
  /** Whom to ask for addresses, `ADDRESS[:PORT]`; empty: the way this host does it. */
  readonly resolvers: readonly ResolverAddress[]
  readonly limits: NetworkLimits
  /** A person is asked about names that no rule has, where a client can show the question. */
  readonly ask?: true
}

export interface NetworkRule {
  /**
   * As it was written, `*.example.org:443`, `preset:npm`: this is what records and messages call the rule. Rules of one
   * preset have the same text; `formatRule` says what each is.
   */
  readonly text: string
  readonly host: RuleHost
  /** Ascending, disjoint; at least one. */
  readonly ports: readonly PortRange[]
  /** Absent: in `allow` TCP, in `deny` whatever there is. */
  readonly protocol?: Protocol
}

export type Protocol = 'tcp' | 'udp'

/** Which list a rule stands in: one that closes may be wider, and without a port it closes all. */
export type Side = 'allow' | 'deny'

export type RuleHost =
  /** One name: lower case, A-labels (RFC 5890), no final dot. */
  | { readonly kind: 'name'; readonly name: string }
  /** `*.example.org`: every name below, at any depth; not `example.org` itself. */
  | { readonly kind: 'below'; readonly name: string }
  | { readonly kind: 'range'; readonly range: AddressRange }

export interface PortRange {
  readonly from: number
  readonly to: number
}

export interface AddressRange {
  /** Canonical: `10.0.0.0`, `fd00::`; host bits are zero. */
  readonly address: string
  readonly prefix: number
  readonly family: 4 | 6
}

export interface ResolverAddress {
  readonly address: string
  readonly port: number
}

/** A port of the sandbox that this machine reaches; needs no network, and opens none. */
export interface PublishedPort {
  /** Of the loopback, canonical: `127.0.0.1`, `::1`. */
  readonly address: string
  /** 0: one that is free, which the kernel chooses. */
  readonly hostPort: number
  /** Of the sandbox. */
  readonly port: number
}

/** For the whole sandbox. */
export interface NetworkLimits {
  readonly connections: number
  readonly bytesPerSecond: number | null
  readonly bytes: number | null
  readonly idleMs: number
}

/**
 * What a sandbox with a network sees: addresses that mean nothing outside, so that a connection to one is a connection to
 * the name that it was given out for. 198.18.0.0/15 is set aside for benchmarks (RFC 2544) and routed nowhere; the version
 * 6 prefix is a unique local one (RFC 4193) of our own. Local to the sandbox's own network namespace, or carried by a guest.
 */
export const synthetic: Synthetic = {
  v4: { address: '198.18.0.0', prefix: 15, family: 4 },
  v6: { address: 'fd67:6c6f:7665::', prefix: 64, family: 6 },
  resolver: '198.18.0.1',
  proxy: { address: '198.18.0.2', port: 3128 },
}

export interface Synthetic {
  readonly v4: AddressRange
  readonly v6: AddressRange
  /** The resolver that `/etc/resolv.conf` names, port 53, datagrams and streams. */
  readonly resolver: string
  /** HTTP proxy and SOCKS5 on one port, for programs that prefer a proxy. */
  readonly proxy: { readonly address: string; readonly port: number }
}
