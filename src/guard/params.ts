import type { NotificationEnvelope, RequestEnvelope } from './envelope.ts'
import { readId } from './ids.ts'
import type { Id } from './ids.ts'
import { fieldsOf, fold, isObject, isRefusal } from './json-read.ts'
import type { Fields } from './json-read.ts'
import type { Member, Span } from './json-scan.ts'
import { decided, decidedMethods } from './methods.ts'
import { errorCodes, refusal } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import type { Message, Session } from './session.ts'

const decidedAlways = ['_meta']
const none: ReadonlyMap<string, Member> = new Map<string, Member>()

/** A method that a lax router could take for one that the guard decides about, as `Tools/Call` or `/tools/call`. */
export function methodFault(method: string): Refusal | undefined {
  if (Object.hasOwn(decided, method)) return undefined
  const plain = /^[\w./-]+$/.test(method) ? method.toLowerCase() : fold(method)
  const routed = plain.replaceAll(/\/{2,}/g, '/').replaceAll(/^\/|\/$/g, '')
  if (!decidedMethods.includes(routed)) return undefined
  return refusal('bad-method', `The method is a variant spelling of ${routed}.`)
}

/** The params by key, checked for keys that parsers could read differently. No params, or an array, are no fields. */
export function readParams(
  session: Session,
  message: Message<RequestEnvelope | NotificationEnvelope>,
): Fields | Refusal {
  const { bytes, envelope } = message
  const { method, params } = envelope
  const keys = Object.hasOwn(decided, method) ? (decided[method] ?? decidedAlways) : decidedAlways
  if (params === undefined || !isObject(bytes, params)) {
    // All that the guard decides by is in an object: an array there would be read by position, if at all.
    return params !== undefined && keys.length > 1
      ? refusal('bad-params', `The params of ${method} must be an object.`, errorCodes.invalidParams)
      : none
  }
  return withCode(
    fieldsOf(bytes, session.scan(bytes, params.start, params.end, session.limits.members), keys, 'The params object'),
  )
}

/** `_meta.progressToken`; null is how some clients write that they want no progress. */
export function readProgressToken(session: Session, bytes: Buffer, params: Fields): Id | undefined | Refusal {
  const meta = params.get('_meta')
  if (meta === undefined || !isObject(bytes, meta)) return undefined
  const fields = fieldsOf(
    bytes,
    session.scan(bytes, meta.start, meta.end, session.limits.members),
    ['progressToken'],
    'The _meta object',
  )
  if (isRefusal(fields)) return withCode(fields)
  const token = fields.get('progressToken')
  return token === undefined || isNull(bytes, token) ? undefined : readToken(session, bytes, token)
}

export function readToken(session: Session, bytes: Buffer, token: Span): Id | Refusal {
  const id = readId(bytes, token, session.limits.idLength)
  return (
    id ??
    refusal(
      'bad-params',
      'The progressToken must be a whole number or a string within the cap.',
      errorCodes.invalidParams,
    )
  )
}

export function isNull(bytes: Buffer, span: Span): boolean {
  return bytes[span.start] === 0x6e
}

function withCode(fields: Refusal): Refusal
function withCode(fields: Fields | Refusal): Fields | Refusal
function withCode(fields: Fields | Refusal): Fields | Refusal {
  return isRefusal(fields) ? { ...fields, code: errorCodes.invalidParams } : fields
}
