import type { NotificationEnvelope } from './envelope.ts'
import { readId } from './ids.ts'
import { isRefusal } from './json-read.ts'
import type { Fields } from './json-read.ts'
import { methodFault, readParams, readToken } from './params.ts'
import { errorCodes, refusal } from './refusal.ts'
import { ruleCall } from './requests.ts'
import { opposite } from './session.ts'
import type { Message, Ruling, Session } from './session.ts'

/** What becomes of a notification, in either direction. A refused one is not answered: nobody waits. */
export function ruleNotification(session: Session, message: Message<NotificationEnvelope>): Ruling {
  const { direction, envelope } = message
  const fault = methodFault(envelope.method)
  if (fault !== undefined) return fault
  const params = readParams(session, message)
  if (isRefusal(params)) return params
  switch (envelope.method) {
    case 'notifications/cancelled':
      return ruleCancelled(session, message, params)
    case 'notifications/initialized':
      if (direction === 'client-to-server') session.questions.ready()
      return 'forward'
    case 'notifications/progress':
      return ruleProgress(session, message, params)
    case 'tools/call':
      return direction === 'client-to-server' ? ruleCall(session, message, params, () => undefined) : 'forward'
    default:
      return 'forward'
  }
}

/** Forwarded always: one that refers to nothing has crossed the answer on its way, which the receiver must expect. */
function ruleCancelled(session: Session, message: Message<NotificationEnvelope>, params: Fields): Ruling {
  const { direction, bytes } = message
  const requestId = params.get('requestId')
  // Since 2025-11-25 it may be absent (tasks).
  if (requestId === undefined) return 'forward'
  const id = readId(bytes, requestId, session.limits.idLength)
  if (id === undefined) return refusal('bad-params', 'The requestId must be a valid id.', errorCodes.invalidParams)
  if (session.asked[direction].abandon(id) === undefined && direction === 'server-to-client') {
    // Since 2026-07-28 a server ends a subscription so; it cannot cancel any other request of the client's.
    const asked = session.asked['client-to-server']
    if (asked.get(id)?.method === 'subscriptions/listen') asked.abandon(id)
  }
  return 'forward'
}

function ruleProgress(session: Session, message: Message<NotificationEnvelope>, params: Fields): Ruling {
  const { direction, bytes } = message
  const tokenSpan = params.get('progressToken')
  if (tokenSpan === undefined)
    return refusal(
      'bad-params',
      'The params of notifications/progress must have a progressToken.',
      errorCodes.invalidParams,
    )
  const token = readToken(session, bytes, tokenSpan)
  if (typeof token === 'object') return token
  return session.asked[opposite(direction)].hasToken(token)
    ? 'forward'
    : refusal('unknown-progress', 'No request in progress has this progressToken.')
}
