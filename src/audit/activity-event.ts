import { basename } from 'node:path/posix'
import { readEndpoint } from '../protocol/endpoint.ts'
import type { ActivityFact } from '../protocol/facts.ts'
import type { Mapped, Origin } from './ocsf.ts'
import { classes, outcome, severityOf } from './ocsf.ts'

type Activity = ActivityFact['activity']

/** What a program inside tried. Names, paths and addresses are what the sandbox says: hostile text, kept as it is. */
export function activityEvent(activity: Activity, origin: Origin): Mapped {
  const mapped = ofKind(activity, origin)
  // In a flood one event stands for many: OCSF's `count`.
  return activity.count === undefined ? mapped : { ...mapped, fields: { count: activity.count, ...mapped.fields } }
}

function ofKind(activity: Activity, origin: Origin): Mapped {
  const { kind } = activity
  if (kind === 'exec') return execEvent(activity, origin)
  if (kind === 'open') return openEvent(activity, origin)
  return networkEvent(kind, activity, origin)
}

// Network Activity has no activity for a bind: an address that is taken is not yet one that listens.
const networkActivities = { connect: { id: 1 }, send: { id: 6 }, bind: { id: 99, name: 'Bind' } } as const
const directions = { connect: 2, send: 2, bind: 1 } as const

function networkEvent(kind: keyof typeof networkActivities, activity: Activity, origin: Origin): Mapped {
  const address = activity.address ?? 'unknown'
  const end = kind === 'bind' ? 'src_endpoint' : 'dst_endpoint'
  return {
    class: classes.network,
    activity: networkActivities[kind],
    severity: severityOf(activity.verdict),
    message: `${activity.program}: ${kind} ${address}`,
    code: kind,
    fields: {
      ...outcome(activity.verdict),
      firewall_rule: { name: activity.rule },
      connection_info: { direction_id: directions[kind] },
      [end]: endpoint(address),
      actor: actor(activity, origin),
    },
    unmapped: {},
  }
}

function execEvent(activity: Activity, origin: Origin): Mapped {
  const path = activity.path ?? ''
  return {
    class: classes.process,
    activity: { id: 1 },
    severity: severityOf(activity.verdict),
    message: `${activity.program}: exec ${path}`,
    code: 'exec',
    fields: {
      ...outcome(activity.verdict),
      policy: { name: activity.rule },
      // 3 Exec: the process stays, what it runs is replaced.
      launch_type_id: 3,
      process: { pid: activity.pid, name: basename(path), file: file(path, regularFile) },
      actor: actor(activity, origin),
    },
    unmapped: {},
  }
}

function openEvent(activity: Activity, origin: Origin): Mapped {
  const path = activity.path ?? ''
  return {
    class: classes.file,
    activity: { id: 14 },
    severity: severityOf(activity.verdict),
    message: `${activity.program}: open ${path}${activity.access === 'write' ? ' to write' : ''}`,
    code: 'open',
    fields: {
      ...outcome(activity.verdict),
      policy: { name: activity.rule },
      file: file(path, unknownFile),
      actor: actor(activity, origin),
    },
    unmapped: activity.access === undefined ? {} : { access: activity.access },
  }
}

function actor(activity: Activity, origin: Origin): Record<string, unknown> {
  return {
    process: { pid: activity.pid, name: activity.program },
    app_name: origin.server,
    app_uid: origin.sandbox,
  }
}

const unknownFile = 0
const regularFile = 1

function file(path: string, type: number): Record<string, unknown> {
  return { name: basename(path), path, type_id: type }
}

/** An IP endpoint where the address is one, else a named one (`unix:/run/x`, `netlink`). */
function endpoint(address: string): Record<string, unknown> {
  return { ...(readEndpoint(address) ?? { name: address }) }
}
