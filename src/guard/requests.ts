import { sha256 } from '../system/sha256.ts'
import { unknownTool } from './answers.ts'
import type { NotificationEnvelope, RequestEnvelope } from './envelope.ts'
import type { Id } from './ids.ts'
import { isRefusal, isString, stringAt } from './json-read.ts'
import type { Fields } from './json-read.ts'
import type { Span } from './json-scan.ts'
import { visible } from './names.ts'
import { methodFault, readParams, readProgressToken } from './params.ts'
import { errorCodes, refusal } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import { senderOf } from './session.ts'
import type { Message, Ruling, Session } from './session.ts'

/** What becomes of a request, in either direction. */
export function ruleRequest(session: Session, message: Message<RequestEnvelope>): Ruling {
  const { direction, bytes, envelope } = message
  const { method } = envelope
  const fault = methodFault(method)
  if (fault !== undefined) return fault
  if (method === 'notifications/cancelled' || method === 'notifications/progress') {
    return refusal('bad-method', `${method} is a notification: it must not have an id.`)
  }
  const params = readParams(session, message)
  if (isRefusal(params)) return params
  const progressToken = readProgressToken(session, bytes, params)
  if (typeof progressToken === 'object') return progressToken
  if (direction === 'client-to-server') {
    if (method === 'initialize') {
      const version = params.get('protocolVersion')
      if (version === undefined || !isString(bytes, version))
        return badParams('The params of initialize must have a protocolVersion that is a string.')
      const capabilities = params.get('capabilities')
      if (capabilities !== undefined) {
        session.questions.announced(bytes.toString('utf8', capabilities.start, capabilities.end))
      }
    }
    if (method === 'tools/call') return ruleCall(session, message, params, () => open(session, message, progressToken))
  }
  return open(session, message, progressToken) ?? 'forward'
}

/** A `tools/call`: always a fact, and never forwarded when the tool is hidden. A notification is a call as well. */
export function ruleCall(
  session: Session,
  message: Message<RequestEnvelope | NotificationEnvelope>,
  params: Fields,
  openRequest: () => Refusal | undefined,
): Ruling {
  const { direction, bytes, span, envelope } = message
  const nameSpan = params.get('name')
  const name = nameSpan === undefined ? undefined : stringAt(bytes, nameSpan)
  if (name === undefined) return badParams('The params of tools/call must have a name that is a string.')
  const { allowed, rule } = session.tools.judge(name)
  if (allowed) {
    const refused = openRequest()
    if (refused !== undefined) return refused
  }
  const shown = visible(name, session.limits.nameLength)
  session.recordMessage({
    direction,
    method: envelope.method,
    tool: shown,
    id: envelope.kind === 'request' ? JSON.stringify(envelope.id) : undefined,
    bytes: span.end - span.start,
    argumentsSha256: digestOf(bytes, params.get('arguments')),
    verdict: allowed ? 'allowed' : 'denied',
    rule,
  })
  if (allowed) return 'forward'
  if (envelope.kind === 'request') session.answer(senderOf(direction), envelope.id, unknownTool(shown))
  return 'drop'
}

function open(session: Session, message: Message<RequestEnvelope>, progressToken: Id | undefined): Refusal | undefined {
  const { id, method } = message.envelope
  if (session.questions.has(id)) return refusal('duplicate-id', 'This is the id of a question of Glovebox’s own.')
  const outcome = session.asked[message.direction].open({
    id,
    method,
    progressToken,
    deadline: session.deadline(method),
  })
  if (outcome === 'opened') return undefined
  if (outcome === 'duplicate') return refusal('duplicate-id', 'A request with this id is still waiting for its answer.')
  const detail = `There are ${session.limits.outstanding} requests without an answer.`
  return refusal('too-many-outstanding', detail, errorCodes.internal)
}

function badParams(detail: string): Refusal {
  return refusal('bad-params', detail, errorCodes.invalidParams)
}

function digestOf(bytes: Buffer, span: Span | undefined): string | undefined {
  return span === undefined ? undefined : sha256(bytes.subarray(span.start, span.end))
}
