import { readId, type Id } from './ids.ts'
import { keyOf, stringAt } from './json-read.ts'
import type { JsonScanner, Span } from './json-scan.ts'
import { defaultLimits } from './limits.ts'

/** A message that has passed a guard: what is read of it is there once, and means one thing. */
export interface Found {
  readonly bytes: Buffer
  readonly span: Span
  readonly id: Id | undefined
  readonly idSpan: Span | undefined
  readonly method: string | undefined
  readonly params: Span | undefined
  readonly result: Span | undefined
  readonly isResponse: boolean
  readonly isError: boolean
}

export const initialized: Buffer = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

/** The messages of a batch; undefined for a line that is one message. */
export function membersOf(scan: JsonScanner, line: Buffer): readonly Span[] | undefined {
  if (!/^[ \t]*\[/.test(line.toString('latin1', 0, 64))) return undefined
  const end = line.at(-1) === 0x0a ? line.length - 1 : line.length
  return scan(line, 0, end, defaultLimits.batch).members
}

export function messageIn(scan: JsonScanner, bytes: Buffer, span: Span): Found {
  const members = new Map<string, Span>()
  for (const member of scan(bytes, span.start, span.end, defaultLimits.members).members) {
    members.set(keyOf(bytes, member), member)
  }
  const idSpan = members.get('id')
  const method = members.get('method')
  return {
    bytes,
    span,
    id: idSpan === undefined ? undefined : readId(bytes, idSpan, defaultLimits.idLength),
    idSpan,
    method: method === undefined ? undefined : stringAt(bytes, method),
    params: members.get('params'),
    result: members.get('result'),
    isResponse: method === undefined,
    isError: members.has('error'),
  }
}

/** The message with other bytes in some places; the rest is as it came. */
export function splice({ bytes, span }: Found, changes: readonly (readonly [Span | undefined, Buffer])[]): Buffer {
  const pieces: Buffer[] = []
  let from = span.start
  const inOrder = changes.flatMap(([where, what]) => (where === undefined ? [] : [{ where, what }]))
  for (const { where, what } of inOrder.toSorted((a, b) => a.where.start - b.where.start)) {
    pieces.push(bytes.subarray(from, where.start), what)
    from = where.end
  }
  return withNewline(Buffer.concat([...pieces, bytes.subarray(from, span.end)]))
}

export function withNewline(bytes: Buffer): Buffer {
  return bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.from('\n')])
}
