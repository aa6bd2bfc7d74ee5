import { isUtf8 } from 'node:buffer'
import type { Direction } from '../protocol/facts.ts'
import { requestRefused, responseRefused } from './answers.ts'
import { createBatchJudge } from './batch.ts'
import type { EnvelopeReader, Sender } from './envelope.ts'
import { hasKey, isRefusal } from './json-read.ts'
import type { JsonFault, JsonScan, Span } from './json-scan.ts'
import { isBlank } from './log-lines.ts'
import { ruleNotification } from './notifications.ts'
import { errorCodes, refusal } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import { ruleRequest } from './requests.ts'
import { ruleResponse } from './responses.ts'
import { opposite, receiverOf, senderOf } from './session.ts'
import type { Session } from './session.ts'

/** What becomes of a line: cuts leave bytes out, `log` is no message but something for the log. */
export type LineRuling = 'forward' | 'drop' | 'log' | readonly Span[]

export interface LineJudge {
  judge(direction: Direction, bytes: Buffer, line: Span): LineRuling
  /** A line of which there are only the first and the last bytes. */
  judgeTooLong(direction: Direction, head: Buffer, tail: Buffer, length: number): LineRuling
}

/** Members of an envelope that are looked at; JSON-RPC has six. A batch has its own cap. */
const envelopeMembers = 16
const tailBytes = 512
const jsonrpcKey = '"jsonrpc"'
/** How a broken or cut line begins that was meant as a message: with a key of the envelope. */
const messageStart = /^[ \t]*\[?[ \t]*\{[ \t]*"(?:jsonrpc|id|method|params|result|error)"[ \t]*:/

export function createLineJudge(session: Session, reader: EnvelopeReader): LineJudge {
  const { limits } = session
  const rootMembers = Math.max(envelopeMembers, limits.batch)
  const batches = createBatchJudge(session, reader, { judgeObject, tell })

  return {
    judge(direction, bytes, line) {
      if (bytes[line.start] !== 0x7b && isBlank(bytes.subarray(line.start, line.end))) return 'drop'
      const scan = session.scan(bytes, line.start, line.end, rootMembers)
      const fault =
        scan.fault ?? (scan.ascii || isUtf8(bytes.subarray(line.start, line.end)) ? undefined : 'invalid-utf8')
      if (fault !== undefined) return refuseUnreadable(direction, bytes, line, scan, fault)
      if (scan.shape === 'array') return batches.judge(direction, bytes, line, scan.members)
      if (scan.shape === 'object') {
        return direction === 'server-to-client' && isLogObject(bytes, scan)
          ? 'log'
          : judgeObject(direction, bytes, line, scan)
      }
      if (direction === 'server-to-client') return 'log'
      return refuse(
        direction,
        refusal('not-json-rpc', 'A message must be an object.'),
        { kind: 'unknown', ids: [] },
        line.end - line.start,
      )
    },

    judgeTooLong(direction, head, tail, length) {
      const meant =
        messageStart.test(head.toString('latin1')) && (head.includes(jsonrpcKey) || tail.includes(jsonrpcKey))
      if (direction === 'server-to-client' && !meant) return 'log'
      const { members } = session.scan(head, 0, head.length, rootMembers)
      const refused = refusal(
        'too-large',
        `The message has ${length} bytes; ${limits.messageBytes} are allowed (limits.message).`,
      )
      return refuse(direction, refused, reader.sender(head, members, tail), length)
    },
  }

  function judgeObject(
    direction: Direction,
    bytes: Buffer,
    span: Span,
    scan: JsonScan,
  ): 'forward' | 'drop' | readonly Span[] {
    const envelope = reader.read(bytes, scan.members)
    const length = span.end - span.start
    if ('reason' in envelope) return refuse(direction, envelope, reader.sender(bytes, scan.members), length)
    if (envelope.kind === 'request') {
      const ruling = ruleRequest(session, { direction, bytes, span, envelope })
      return typeof ruling === 'object' && isRefusal(ruling)
        ? refuse(direction, ruling, { kind: 'request', ids: [envelope.id] }, length)
        : ruling
    }
    const ruling =
      envelope.kind === 'notification'
        ? ruleNotification(session, { direction, bytes, span, envelope })
        : ruleResponse(session, { direction, bytes, span, envelope })
    if (typeof ruling !== 'object' || !isRefusal(ruling)) return ruling
    session.recordRefusal(direction, ruling, length)
    return 'drop'
  }

  /** Not JSON as the guard reads it. Of a server that is a log line, unless it was meant as a message. */
  function refuseUnreadable(
    direction: Direction,
    bytes: Buffer,
    line: Span,
    scan: JsonScan,
    fault: JsonFault | 'invalid-utf8',
  ): LineRuling {
    if (direction === 'server-to-client') {
      const text = bytes.subarray(line.start, line.end)
      const meant = messageStart.test(text.toString('latin1', 0, 128)) && text.includes(jsonrpcKey)
      if (!meant) return 'log'
    }
    const tail = bytes.subarray(Math.max(line.start, line.end - tailBytes), line.end)
    const refused = refusal(fault, faultText(fault, scan.at - line.start, limits.depth), errorCodes.parse)
    return refuse(direction, refused, reader.sender(bytes, scan.members, tail), line.end - line.start)
  }

  /** A JSON object on a server's stdout that was not meant as a message: many loggers write such lines. */
  function isLogObject(bytes: Buffer, scan: JsonScan): boolean {
    for (const member of scan.members) if (hasKey(bytes, member, 'jsonrpc')) return false
    const { kind, ids } = reader.sender(bytes, scan.members)
    // An answer without `jsonrpc` is still an answer for the one who waits.
    return (
      kind !== 'response' ||
      scan.members.length !== 2 ||
      !ids.some((id) => session.asked['client-to-server'].get(id) !== undefined)
    )
  }

  function refuse(direction: Direction, refused: Refusal, sender: Sender, bytes: number): 'drop' {
    session.recordRefusal(direction, refused, bytes)
    tell(direction, refused, sender)
    return 'drop'
  }

  /** Tells whoever waits for the message, or for an answer to it. */
  function tell(direction: Direction, refused: Refusal, sender: Sender): void {
    const { kind, ids } = sender
    const request = kind === 'request' || (kind === 'unknown' && direction === 'client-to-server')
    if (request) {
      // Two ids are none: which of them the sender waits for cannot be told (JSON-RPC 2.0, section 5: null then).
      const id = ids.length === 1 ? (ids[0] ?? null) : null
      session.answer(senderOf(direction), id, requestRefused(refused))
    } else if (kind !== 'notification') {
      for (const id of ids) {
        if (session.asked[opposite(direction)].settle(id) === undefined) continue
        session.answer(receiverOf(direction), id, responseRefused(senderOf(direction), refused))
      }
    }
  }
}

function faultText(fault: JsonFault | 'invalid-utf8', at: number, depth: number): string {
  const texts: Record<typeof fault, string> = {
    'malformed-json': `The message is not JSON: byte ${at} cannot stand there.`,
    'control-character': `The message has a control character at byte ${at}.`,
    'too-deep': `The message is nested deeper than ${depth} levels.`,
    'too-many-members': 'The message has too many members.',
    'invalid-utf8': 'The message is not UTF-8.',
  }
  return texts[fault]
}
