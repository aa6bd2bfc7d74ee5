import { responseRefused } from './answers.ts'
import type { ErrorEnvelope, ResultEnvelope } from './envelope.ts'
import { fieldsOf, hasKey, isObject, isRefusal, isString, stringAt, textOf } from './json-read.ts'
import type { Fields } from './json-read.ts'
import type { JsonScanner, Span } from './json-scan.ts'
import type { Pending } from './ledger.ts'
import { hasHiddenInTitle } from './names.ts'
import { refusal } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import { opposite, receiverOf, senderOf } from './session.ts'
import type { Message, Ruling, Session } from './session.ts'

const serverInfoKey = 'io.modelcontextprotocol/serverInfo'

/** What becomes of a response, in either direction: it must answer a request that went the other way. */
export function ruleResponse(session: Session, message: Message<ResultEnvelope | ErrorEnvelope>): Ruling {
  const { direction, bytes, span, envelope } = message
  // The peer could not read the id of what it got: there is no request to settle, and the error may explain a lot.
  if (envelope.id === undefined) return 'forward'
  if (direction === 'client-to-server' && session.questions.settle(envelope.id, resultText(message))) return 'drop'
  const asked = session.asked[opposite(direction)]
  const request = asked.get(envelope.id)
  if (request === undefined) {
    return asked.wasAbandoned(envelope.id)
      ? refusal('late-response', 'The request was cancelled before this answer came.')
      : refusal('unknown-response', 'No request with this id is waiting for an answer.')
  }
  if (envelope.kind === 'error') {
    asked.settle(envelope.id)
    return 'forward'
  }
  const ruling =
    direction === 'server-to-client' ? ruleResult(session, message as Message<ResultEnvelope>, request) : 'forward'
  asked.settle(
    envelope.id,
    request.progressToken !== undefined && isTask(session.scan, bytes, envelope.result, session.limits.members),
  )
  if (typeof ruling === 'object' && isRefusal(ruling)) {
    session.recordRefusal(direction, ruling, span.end - span.start)
    session.answer(receiverOf(direction), envelope.id, responseRefused(senderOf(direction), ruling))
    return 'drop'
  }
  return ruling
}

/** JSON of a result; undefined for an error, which is no answer to a question of ours. */
function resultText({ bytes, envelope }: Message<ResultEnvelope | ErrorEnvelope>): string | undefined {
  return envelope.kind === 'error' ? undefined : bytes.toString('utf8', envelope.result.start, envelope.result.end)
}

function ruleResult(session: Session, message: Message<ResultEnvelope>, request: Pending): Ruling {
  switch (request.method) {
    case 'initialize':
      return ruleInitialized(session, message)
    case 'server/discover':
      return ruleDiscovered(session, message)
    case 'tools/list':
      return ruleToolList(session, message)
    default:
      return 'forward'
  }
}

function ruleInitialized(session: Session, message: Message<ResultEnvelope>): Ruling {
  const { bytes } = message
  const result = readResult(session, message, ['protocolVersion', 'serverInfo'])
  if (isRefusal(result)) return result
  const version = result.get('protocolVersion')
  if (version === undefined || !isString(bytes, version))
    return refusal('bad-result', 'The result of initialize must have a protocolVersion that is a string.')
  const disguised = serverInfoFault(session, bytes, result.get('serverInfo'))
  if (disguised !== undefined) return disguised
  session.protocolVersion = stringAt(bytes, version)
  return 'forward'
}

function ruleDiscovered(session: Session, message: Message<ResultEnvelope>): Ruling {
  const { bytes } = message
  const result = readResult(session, message, ['_meta', 'serverInfo'])
  if (isRefusal(result)) return result
  const meta = result.get('_meta')
  const fields =
    meta === undefined || !isObject(bytes, meta)
      ? undefined
      : readFields(session, bytes, meta, [serverInfoKey], 'The _meta object')
  if (fields !== undefined && isRefusal(fields)) return fields
  return (
    serverInfoFault(session, bytes, fields?.get(serverInfoKey)) ??
    serverInfoFault(session, bytes, result.get('serverInfo')) ??
    'forward'
  )
}

function ruleToolList(session: Session, message: Message<ResultEnvelope>): Ruling {
  const { direction, bytes, span } = message
  const result = readResult(session, message, ['tools'])
  if (isRefusal(result)) return result
  const tools = result.get('tools')
  if (tools === undefined) return 'forward'
  const ruling = session.filterTools(bytes, tools)
  if (isRefusal(ruling)) return ruling
  for (const refused of ruling.suspicious) session.recordRefusal(direction, refused, span.end - span.start)
  return ruling.cuts.length === 0 ? 'forward' : ruling.cuts
}

/** The names under which a server shows itself. */
function serverInfoFault(session: Session, bytes: Buffer, info: Span | undefined): Refusal | undefined {
  if (info === undefined || !isObject(bytes, info)) return undefined
  const fields = readFields(session, bytes, info, ['name', 'title'], 'The serverInfo object')
  if (isRefusal(fields)) return fields
  const disguised = [fields.get('name'), fields.get('title')].some(
    (name) => name !== undefined && hasHiddenInTitle(stringAt(bytes, name) ?? ''),
  )
  return disguised
    ? refusal('hidden-character', "The server's name or title has a control character or hidden Unicode in it.")
    : undefined
}

function readResult(session: Session, message: Message<ResultEnvelope>, decided: readonly string[]): Fields | Refusal {
  return readFields(session, message.bytes, message.envelope.result, decided, 'The result object')
}

function readFields(
  session: Session,
  bytes: Buffer,
  span: Span,
  decided: readonly string[],
  where: string,
): Fields | Refusal {
  return fieldsOf(bytes, session.scan(bytes, span.start, span.end, session.limits.members), decided, where)
}

/** A task goes on after this answer, and so does its progress (MCP 2025-11-25, tasks; `resultType` in the extension). */
export function isTask(scan: JsonScanner, bytes: Buffer, result: Span, maxMembers: number): boolean {
  const { members } = scan(bytes, result.start, result.end, maxMembers)
  return members.some((member) => {
    if (hasKey(bytes, member, 'task')) return isObject(bytes, member)
    return (
      hasKey(bytes, member, 'resultType') &&
      isString(bytes, member) &&
      textOf(bytes, member.start + 1, member.end - 1) === 'task'
    )
  })
}
