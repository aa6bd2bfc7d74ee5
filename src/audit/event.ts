import type { Fact } from '../protocol/facts.ts'
import { activityEvent } from './activity-event.ts'
import { askAnswerEvent, askEvent } from './ask-event.ts'
import { egressEvent } from './egress-event.ts'
import { entryEndEvent, entryEvent } from './entry-event.ts'
import { limitEvent, receiptEvent, startEvent, startFailedEvent, stopEvent } from './lifecycle-event.ts'
import { messageEvent, refusalEvent, serverLogEvent } from './message-event.ts'
import { publishEvent } from './publish-event.ts'
import { workspaceEvent } from './workspace-event.ts'
import type { Mapped, Origin } from './ocsf.ts'
import { schemaVersion } from './ocsf.ts'

/** Where in the chain, and when, an event stands. */
export interface Place {
  /** From 1, without gaps. */
  readonly sequence: number
  /** Milliseconds since 1970. */
  readonly time: number
  /** Events that could not be written since the one before; 0 nearly always. */
  readonly unwritten: number
  /** What was over the budget (`budget.ts`) since the one before, each time that it happened; 0 nearly always. */
  readonly overBudget: number
}

/** An event as it is written, without the chain's own two fields. */
export type AuditEvent = Readonly<Record<string, unknown>>

/**
 * One fact as one OCSF event. `unmapped` is always there and always last:
 * the chain puts its fields at its end, so that what is hashed is one run of bytes.
 */
export function toEvent(fact: Fact, origin: Origin, place: Place): AuditEvent {
  const mapped = mapFact(fact, origin)
  const { category, uid } = mapped.class
  return {
    time: place.time,
    class_uid: uid,
    category_uid: category,
    activity_id: mapped.activity.id,
    ...(mapped.activity.name === undefined ? {} : { activity_name: mapped.activity.name }),
    type_uid: uid * 100 + mapped.activity.id,
    severity_id: mapped.severity,
    message: mapped.message,
    ...mapped.fields,
    metadata: {
      version: schemaVersion,
      product: origin.product,
      profiles: mapped.class.profiles,
      log_name: origin.server,
      event_code: mapped.code,
      correlation_uid: origin.sandbox,
      sequence: place.sequence,
    },
    device: origin.device,
    unmapped: {
      ...mapped.unmapped,
      ...(place.unwritten === 0 ? {} : { unwritten: place.unwritten }),
      ...(place.overBudget === 0 ? {} : { over_budget: place.overBudget }),
    },
  }
}

function mapFact(fact: Fact, origin: Origin): Mapped {
  switch (fact.fact) {
    case 'start':
      return startEvent(fact, origin)
    case 'receipt':
      return receiptEvent(fact, origin)
    case 'start-failed':
      return startFailedEvent(fact, origin)
    case 'stop':
      return stopEvent(fact, origin)
    case 'activity':
      return activityEvent(fact.activity, origin)
    case 'limit':
      return limitEvent(fact, origin)
    case 'message':
      return messageEvent(fact, origin)
    case 'refusal':
      return refusalEvent(fact, origin)
    case 'entry':
      return entryEvent(fact, origin)
    case 'entry-end':
      return entryEndEvent(fact, origin)
    case 'ask':
      return askEvent(fact, origin)
    case 'ask-answer':
      return askAnswerEvent(fact, origin)
    case 'egress-open':
    case 'egress-refuse':
    case 'egress-fail':
    case 'egress-close':
    case 'lookup':
      return egressEvent(fact, origin)
    case 'publish-open':
    case 'publish-refuse':
    case 'publish-fail':
    case 'publish-close':
      return publishEvent(fact, origin)
    case 'workspace-in':
    case 'workspace-out':
      return workspaceEvent(fact, origin)
    default:
      return serverLogEvent(fact, origin)
  }
}
