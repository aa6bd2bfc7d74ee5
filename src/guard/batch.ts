import type { Direction } from '../protocol/facts.ts'
import type { EnvelopeReader, Sender } from './envelope.ts'
import { hasKey, isObject } from './json-read.ts'
import type { JsonScan, Span } from './json-scan.ts'
import { refusal } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import type { Session } from './session.ts'
import { cutsFor } from './tool-list.ts'

/** The one version of MCP that had batches. */
const batchVersion = '2025-03-26'

export interface BatchJudge {
  judge(
    direction: Direction,
    bytes: Buffer,
    line: Span,
    elements: readonly Span[],
  ): 'forward' | 'drop' | 'log' | readonly Span[]
}

export interface MemberJudge {
  judgeObject(direction: Direction, bytes: Buffer, span: Span, scan: JsonScan): 'forward' | 'drop' | readonly Span[]
  tell(direction: Direction, refused: Refusal, sender: Sender): void
}

/** Each member of a batch is judged like a message; those that are refused are cut out, the rest goes on as a batch. */
export function createBatchJudge(session: Session, reader: EnvelopeReader, members: MemberJudge): BatchJudge {
  return {
    judge(direction, bytes, line, elements) {
      const scans = elements.map((element) =>
        isObject(bytes, element) ? session.scan(bytes, element.start, element.end, session.limits.members) : undefined,
      )
      if (direction === 'server-to-client' && !scans.some((scan) => scan !== undefined && hasJsonrpc(bytes, scan)))
        return 'log'
      const refused = batchFault(session, elements)
      if (refused !== undefined) {
        session.recordRefusal(direction, refused, line.end - line.start)
        tellEach(direction, bytes, refused, scans)
        return 'drop'
      }
      return judgeEach(direction, bytes, elements, scans)
    },
  }

  function judgeEach(
    direction: Direction,
    bytes: Buffer,
    elements: readonly Span[],
    scans: readonly (JsonScan | undefined)[],
  ): 'forward' | 'drop' | readonly Span[] {
    const cuts: Span[] = []
    const kept = elements.map((element, index) => {
      const ruling = judgeMember(direction, bytes, element, scans[index])
      if (typeof ruling === 'object') cuts.push(...ruling)
      return ruling !== 'drop'
    })
    if (!kept.includes(true)) return 'drop'
    cuts.push(...cutsFor(elements, kept))
    return cuts.length === 0 ? 'forward' : cuts.toSorted((a, b) => a.start - b.start)
  }

  function judgeMember(
    direction: Direction,
    bytes: Buffer,
    element: Span,
    scan: JsonScan | undefined,
  ): 'forward' | 'drop' | readonly Span[] {
    if (scan !== undefined) return members.judgeObject(direction, bytes, element, scan)
    const refused = refusal('not-json-rpc', 'Each member of a batch must be an object.')
    session.recordRefusal(direction, refused, element.end - element.start)
    members.tell(direction, refused, { kind: 'unknown', ids: [] })
    return 'drop'
  }

  /** Who waits for a member of the batch is told by its id; when no id could be read, one answer stands for all. */
  function tellEach(
    direction: Direction,
    bytes: Buffer,
    refused: Refusal,
    scans: readonly (JsonScan | undefined)[],
  ): void {
    const senders = scans
      .flatMap((scan) => (scan === undefined ? [] : reader.sender(bytes, scan.members)))
      .filter(({ ids }) => ids.length > 0)
    for (const sender of senders) members.tell(direction, refused, sender)
    if (senders.length === 0) members.tell(direction, refused, { kind: 'unknown', ids: [] })
  }
}

function batchFault(session: Session, elements: readonly Span[]): Refusal | undefined {
  if (session.protocolVersion !== batchVersion)
    return refusal('batch', `A batch is only part of MCP ${batchVersion}, which was not agreed on here.`)
  if (elements.length === 0) return refusal('batch', 'The batch is empty.')
  return undefined
}

function hasJsonrpc(bytes: Buffer, scan: JsonScan): boolean {
  return scan.members.some((member) => hasKey(bytes, member, 'jsonrpc'))
}
