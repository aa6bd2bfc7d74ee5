import { bracketed } from '../protocol/endpoint.ts'
import type { EgressCloseFact, EgressFact, LookupFact } from '../protocol/facts.ts'
import { synthetic } from '../policy/network.ts'
import type { Mapped, Origin } from './ocsf.ts'
import { classes, outcome, severity, severityOf } from './ocsf.ts'

type ConnectionFact = Exclude<EgressFact, LookupFact>

/** Whom the sandbox asked for. The name is what the program said, in plain characters; the addresses are what the host found. */
export function egressEvent(fact: EgressFact, origin: Origin): Mapped {
  return fact.fact === 'lookup' ? lookupEvent(fact, origin) : connectionEvent(fact, origin)
}

/** Activities of Network Activity. */
const activities = { 'egress-open': 1, 'egress-close': 2, 'egress-fail': 4, 'egress-refuse': 5 } as const
const outbound = 2
/** Protocol numbers of IANA. */
const tcp = 6
const udp = 17

function connectionEvent(fact: ConnectionFact, origin: Origin): Mapped {
  const verdict = fact.fact === 'egress-refuse' ? 'denied' : 'allowed'
  const addresses = 'addresses' in fact ? fact.addresses : fact.address === null ? [] : [fact.address]
  const host = fact.name ?? addresses[0] ?? 'unknown'
  return {
    class: classes.network,
    activity: { id: activities[fact.fact] },
    severity: fact.fact === 'egress-fail' ? severity.low : severityOf(verdict),
    message: `${fact.process?.program ?? 'a program'}: ${messageOf(fact, bracketed(host))}`,
    code: fact.fact,
    fields: {
      ...timesOf(fact),
      ...outcome(verdict),
      firewall_rule: { name: fact.rule },
      connection_info: {
        uid: `${fact.flow}`,
        direction_id: outbound,
        protocol_num: fact.protocol === 'udp' ? udp : tcp,
      },
      dst_endpoint: {
        ...(fact.name === null ? {} : { hostname: fact.name }),
        ...(addresses[0] === undefined ? {} : { ip: addresses[0] }),
        port: fact.port,
      },
      ...ofKind(fact),
      ...actor(fact.process, origin),
    },
    unmapped: {
      ...(addresses.length > 1 ? { further_addresses: addresses.slice(1) } : {}),
      ...(fact.unrecorded === undefined ? {} : { unrecorded: fact.unrecorded }),
      ...droppedOf(fact),
    },
  }
}

function messageOf(fact: ConnectionFact, host: string): string {
  const isDatagrams = fact.protocol === 'udp'
  const to = `${host}:${fact.port}${isDatagrams ? '/udp' : ''}`
  switch (fact.fact) {
    case 'egress-open':
      return isDatagrams ? `sends datagrams to ${to}` : `connects to ${to}`
    case 'egress-refuse':
      return `refused ${to}`
    case 'egress-fail':
      return isDatagrams ? `cannot send to ${to}` : `cannot connect to ${to}`
    default:
      return `done with ${to}`
  }
}

function ofKind(fact: ConnectionFact): Record<string, unknown> {
  switch (fact.fact) {
    case 'egress-refuse':
    case 'egress-fail':
      return { status_id: 2, status_detail: fact.reason }
    case 'egress-close': {
      const { sent, received, datagrams } = fact
      const bytes = { bytes: sent + received, bytes_in: received, bytes_out: sent }
      const traffic = datagrams === undefined ? bytes : { ...bytes, ...packetsOf(datagrams) }
      return { status_code: fact.reason, duration: fact.ms, traffic }
    }
    default:
      return {}
  }
}

/** OCSF's attributes of an event that stands for many. */
function timesOf({ times }: ConnectionFact): Record<string, number> {
  return times === undefined ? {} : { count: times.count, start_time: times.sinceMs, end_time: times.untilMs }
}

function droppedOf(fact: ConnectionFact): Record<string, number> {
  const dropped = 'datagrams' in fact ? (fact.datagrams?.dropped ?? 0) : 0
  return dropped === 0 ? {} : { dropped_datagrams: dropped }
}

function packetsOf({ sent, received }: NonNullable<EgressCloseFact['datagrams']>): Record<string, number> {
  return { packets: sent + received, packets_in: received, packets_out: sent }
}

/** DNS Activity, Query. */
function lookupEvent({ name, type, rule, process, unrecorded }: LookupFact, origin: Origin): Mapped {
  return {
    class: classes.dns,
    activity: { id: 1 },
    severity: severityOf('denied'),
    message: `${process?.program ?? 'a program'}: looked up ${name}`,
    code: 'lookup',
    fields: {
      ...outcome('denied'),
      firewall_rule: { name: rule },
      // 3 NXDOMAIN
      rcode_id: 3,
      query: { hostname: name, type: typeNames[type] ?? `TYPE${type}`, class: 'IN' },
      dst_endpoint: { ip: synthetic.resolver, port: 53 },
      ...actor(process, origin),
    },
    unmapped: unrecorded === 0 ? {} : { unrecorded },
  }
}

/** Others are `TYPEn` (RFC 3597, 5). */
const typeNames: Readonly<Record<number, string>> = {
  1: 'A',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  65: 'HTTPS',
  255: 'ANY',
}

function actor(process: EgressFact['process'], { server, sandbox }: Origin): Record<string, unknown> {
  const of = process === null ? {} : { process: { pid: process.pid, name: process.program } }
  return { actor: { ...of, app_name: server, app_uid: sandbox } }
}
