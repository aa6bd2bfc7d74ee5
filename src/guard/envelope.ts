import type { GuardLimits } from './limits.ts'
import { readId } from './ids.ts'
import type { Id } from './ids.ts'
import { isArray, isObject, isString, keyOf, stringAt, textOf, variantOf, wordAt } from './json-read.ts'
import type { JsonScanner, Member, Span } from './json-scan.ts'
import { decidedMethods } from './methods.ts'
import { hasHidden } from './names.ts'
import { errorCodes, refusal } from './refusal.ts'
import type { Refusal } from './refusal.ts'

/** A JSON-RPC 2.0 message, its envelope checked. What is inside params, result and error is for the rules. */
export type Envelope = RequestEnvelope | NotificationEnvelope | ResultEnvelope | ErrorEnvelope

export interface RequestEnvelope {
  readonly kind: 'request'
  readonly id: Id
  readonly method: string
  readonly params: Span | undefined
}

export interface NotificationEnvelope {
  readonly kind: 'notification'
  readonly method: string
  readonly params: Span | undefined
}

export interface ResultEnvelope {
  readonly kind: 'result'
  readonly id: Id
  readonly result: Span
}

export interface ErrorEnvelope {
  readonly kind: 'error'
  /** Absent: the peer could not read the id of what it answers. */
  readonly id: Id | undefined
}

/** What could be made out of a message, whole or not, to tell the one who waits for it. */
export interface Sender {
  readonly kind: 'request' | 'response' | 'notification' | 'unknown'
  /** Those that could be read; more than one when the key came twice. */
  readonly ids: readonly Id[]
}

export interface EnvelopeReader {
  /** `members`: those of the message's object, which the scanner accepted. */
  read(bytes: Buffer, members: readonly Member[]): Envelope | Refusal
  /** What can still be told about a message that is refused, from the members before the fault and the last bytes. */
  sender(bytes: Buffer, members: readonly Member[], tail?: Buffer): Sender
}

const envelopeKeys = ['jsonrpc', 'id', 'method', 'params', 'result', 'error'] as const
const quotedVersion = ['"2.0"']
type EnvelopeKey = (typeof envelopeKeys)[number]
type Parts = { [key in EnvelopeKey]?: Member }

export function createEnvelopeReader(limits: GuardLimits, scan: JsonScanner): EnvelopeReader {
  const { idLength, nameLength } = limits

  return {
    read(bytes, members) {
      const parts = partsOf(bytes, members)
      if ('reason' in parts) return parts
      if (parts.jsonrpc === undefined || !isVersion2(bytes, parts.jsonrpc)) {
        return refusal('not-json-rpc', 'The member jsonrpc must be "2.0".')
      }
      return parts.method === undefined ? readResponse(bytes, parts) : readCall(bytes, parts, parts.method)
    },

    sender(bytes, members, tail) {
      const keys = members.map((member) => keyOf(bytes, member))
      const ids = members.flatMap((member, index) =>
        keys[index] === 'id' ? (readId(bytes, member, idLength) ?? looseId(bytes, member) ?? []) : [],
      )
      if (tail !== undefined && !keys.includes('id')) ids.push(...idAtEnd(tail, idLength))
      if (keys.includes('result') || keys.includes('error')) return { kind: 'response', ids }
      if (!keys.includes('method')) return { kind: 'unknown', ids }
      // A fault before the end may hide an id: only a whole message without one is a notification.
      return {
        kind: keys.includes('id') || ids.length > 0 ? 'request' : tail === undefined ? 'notification' : 'unknown',
        ids,
      }
    },
  }

  function readCall(bytes: Buffer, parts: Parts, methodSpan: Span): Envelope | Refusal {
    if (parts.result !== undefined || parts.error !== undefined) {
      return refusal('not-json-rpc', 'A message has a method, a result or an error, not two of them.')
    }
    if (!isString(bytes, methodSpan)) return refusal('bad-method', 'The method must be a string.')
    if (methodSpan.end - methodSpan.start - 2 > 6 * nameLength) return methodTooLong()
    const from = methodSpan.start + 1
    const to = methodSpan.end - 1
    const method = wordAt(bytes, from, to, decidedMethods) ?? textOf(bytes, from, to)
    if (method.length > nameLength) return methodTooLong()
    if (method === '') return refusal('bad-method', 'The method is empty.')
    if (hasHidden(method))
      return refusal('hidden-character', 'The method has a control character or hidden Unicode in it.')
    const params = parts.params
    if (params !== undefined && !isObject(bytes, params) && !isArray(bytes, params)) {
      return refusal('bad-params', 'The params must be an object or an array.', errorCodes.invalidParams)
    }
    if (parts.id === undefined) return { kind: 'notification', method, params }
    const id = readId(bytes, parts.id, idLength)
    return id === undefined ? badId() : { kind: 'request', id, method, params }
  }

  function readResponse(bytes: Buffer, parts: Parts): Envelope | Refusal {
    const { result, error } = parts
    if (parts.params !== undefined || (result === undefined) === (error === undefined)) {
      return refusal('not-json-rpc', 'A message has a method, a result or an error: exactly one of them.')
    }
    const id = parts.id === undefined ? undefined : readId(bytes, parts.id, idLength)
    if (result !== undefined) {
      if (id === undefined) return badId()
      if (!isObject(bytes, result)) return refusal('bad-result', 'The result must be an object.')
      return { kind: 'result', id, result }
    }
    // MCP lets an error go without an id where JSON-RPC wants null; both say that the id could not be read.
    if (parts.id !== undefined && id === undefined && bytes[parts.id.start] !== 0x6e) return badId()
    return errorFault(bytes, error as Span) ?? { kind: 'error', id }
  }

  function errorFault(bytes: Buffer, error: Span): Refusal | undefined {
    if (!isObject(bytes, error)) return refusal('bad-error', 'The error must be an object.')
    const members = scan(bytes, error.start, error.end, limits.members)
    if (members.fault !== undefined) return refusal(members.fault, 'The error has too many members.')
    const known: { code?: Span; message?: Span } = {}
    for (const member of members.members) {
      const key = keyOf(bytes, member)
      const meant = variantOf(key, ['code', 'message', 'data'])
      if (meant !== undefined) return refusal('variant-key', `The error has a variant spelling of the key ${meant}.`)
      if (key !== 'code' && key !== 'message') continue
      if (known[key] !== undefined) return refusal('duplicate-key', `The error has the key ${key} twice.`)
      known[key] = member
    }
    if (known.code === undefined || !isInteger(bytes, known.code))
      return refusal('bad-error', 'The error must have a code that is an integer.')
    if (known.message === undefined || !isString(bytes, known.message))
      return refusal('bad-error', 'The error must have a message that is a string.')
    return undefined
  }

  function badId(): Refusal {
    return refusal(
      'bad-id',
      `The id must be a whole number of at most 2^53 - 1 or a string of at most ${idLength} characters.`,
    )
  }

  function methodTooLong(): Refusal {
    return refusal('bad-method', `The method is longer than ${nameLength} characters.`)
  }
}

function partsOf(bytes: Buffer, members: readonly Member[]): Parts | Refusal {
  const parts: Parts = {}
  for (const member of members) {
    const key = wordAt(bytes, member.keyStart, member.keyEnd, envelopeKeys) ?? keyOf(bytes, member)
    if (!isEnvelopeKey(key)) {
      const meant = variantOf(key, envelopeKeys)
      return meant === undefined
        ? refusal('unknown-member', 'The message has a member that JSON-RPC 2.0 does not know.')
        : refusal('variant-key', `The message has a variant spelling of the key ${meant}.`)
    }
    if (parts[key] !== undefined) return refusal('duplicate-key', `The message has the key ${key} twice.`)
    parts[key] = member
  }
  return parts
}

function isVersion2(bytes: Buffer, span: Span): boolean {
  return wordAt(bytes, span.start, span.end, quotedVersion) !== undefined || stringAt(bytes, span) === '2.0'
}

function isEnvelopeKey(key: string): key is EnvelopeKey {
  return (envelopeKeys as readonly string[]).includes(key)
}

function isInteger(bytes: Buffer, span: Span): boolean {
  return span.end - span.start <= 17 && /^-?[0-9]+$/.test(bytes.toString('latin1', span.start, span.end))
}

/** The integer that a JavaScript peer reads in `1.0` or `1e3`: refused as an id, but its sender knows it by that. */
function looseId(bytes: Buffer, span: Span): Id | undefined {
  if (span.end - span.start > 32) return undefined
  const text = bytes.toString('latin1', span.start, span.end)
  return /^[-0-9]/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined
}

/**
 * The id of a message of which only the end is at hand: the official SDKs for TypeScript write it last. A wrong guess
 * answers a request that was not meant, of the one who wrote the broken message, and of no one else.
 */
function idAtEnd(tail: Buffer, maxLength: number): Id[] {
  const end = /"id"\s*:\s*("[\x20\x21\x23-\x5b\x5d-\x7e]*"|-?[0-9]+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/.exec(
    tail.toString('latin1'),
  )?.[1]
  // A string only of plain ASCII without escapes: nothing has checked these bytes.
  const id = end === undefined ? undefined : readId(Buffer.from(end), { start: 0, end: end.length }, maxLength)
  return id === undefined ? [] : [id]
}
