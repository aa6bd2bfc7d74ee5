import type { PublishFact } from '../protocol/facts.ts'
import type { Mapped, Origin } from './ocsf.ts'
import { classes, outcome, severity, severityOf } from './ocsf.ts'

/** Activities of Network Activity. */
const activities = { 'publish-open': 1, 'publish-close': 2, 'publish-fail': 4, 'publish-refuse': 5 } as const
const inbound = 1
const tcp = 6

/** Who of this machine came to a port of the sandbox. */
export function publishEvent(fact: PublishFact, { server, sandbox }: Origin): Mapped {
  const verdict = fact.fact === 'publish-refuse' ? 'denied' : 'allowed'
  const { peer, host, port } = fact
  return {
    class: classes.network,
    activity: { id: activities[fact.fact] },
    severity: fact.fact === 'publish-fail' ? severity.low : severityOf(verdict),
    message: messageOf(fact),
    code: fact.fact,
    fields: {
      ...outcome(verdict),
      firewall_rule: { name: 'network.publish' },
      connection_info: { uid: `${fact.flow}`, direction_id: inbound, protocol_num: tcp },
      src_endpoint: { ip: peer.address, port: peer.port },
      dst_endpoint: { ip: host.address, port: host.port },
      ...ofKind(fact),
      actor: { app_name: server, app_uid: sandbox },
    },
    unmapped: {
      port_inside: port,
      ...(fact.fact === 'publish-refuse' && fact.unrecorded > 0 ? { unrecorded: fact.unrecorded } : {}),
    },
  }
}

function messageOf(fact: PublishFact): string {
  const to = `port ${fact.port}`
  switch (fact.fact) {
    case 'publish-open':
      return `somebody connects to ${to}`
    case 'publish-refuse':
      return `refused a connection to ${to}`
    case 'publish-fail':
      return `nobody took a connection to ${to}`
    default:
      return `done with a connection to ${to}`
  }
}

function ofKind(fact: PublishFact): Record<string, unknown> {
  switch (fact.fact) {
    case 'publish-refuse':
    case 'publish-fail':
      return { status_id: 2, status_detail: fact.reason }
    case 'publish-close': {
      const { sent, received } = fact
      const traffic = { bytes: sent + received, bytes_in: received, bytes_out: sent }
      return { status_code: fact.reason, duration: fact.ms, traffic }
    }
    default:
      return {}
  }
}
