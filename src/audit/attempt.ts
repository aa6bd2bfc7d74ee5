import { bracketed, withPort } from '../protocol/endpoint.ts'
import type { Attempt } from '../policy/explain/attempt.ts'
import type { Entry } from './reader.ts'
import { toRow } from './row.ts'

/** An event as what was attempted. Takes nothing for granted: the line may have been forged. */
export function attemptOf(entry: Entry): Attempt {
  const row = toRow(entry)
  const event = entry.event ?? {}
  const process = objectAt(objectAt(event, 'actor'), 'process')
  const end = objectAt(event, row.kind === 'bind' ? 'src_endpoint' : 'dst_endpoint')
  // Of a question the end is the resolver inside.
  const query = textAt(objectAt(event, 'query'), 'hostname')
  const access = objectAt(event, 'unmapped')['access']
  return {
    id: row.id,
    time: row.time?.getTime(),
    server: row.server,
    kind: row.kind,
    verdict: row.verdict,
    rule: row.rule,
    program: textAt(process, 'name'),
    pid: numberAt(process, 'pid'),
    address: addressOf(end),
    host: query ?? textAt(end, 'hostname'),
    port: query === undefined ? numberAt(end, 'port') : undefined,
    ...(isByDatagrams(event) && { udp: true }),
    ...countOf(event),
    path: textAt(objectAt(event, 'file'), 'path') ?? textAt(objectAt(objectAt(event, 'process'), 'file'), 'path'),
    access: access === 'read' || access === 'write' ? access : undefined,
    tool: toolOf(event),
    detail: textAt(event, 'status_detail') ?? textAt(event, 'message') ?? '',
  }
}

/** 17 is UDP's number of IANA. */
function isByDatagrams(event: Fields): boolean {
  return objectAt(event, 'connection_info')['protocol_num'] === 17
}

function countOf(event: Fields): { readonly count?: number } {
  const count = numberAt(event, 'count')
  return count === undefined || count < 2 ? {} : { count }
}

function addressOf({ ip, port, name }: Fields): string | undefined {
  if (typeof ip !== 'string') return typeof name === 'string' ? name : undefined
  return typeof port === 'number' ? withPort(ip, port) : bracketed(ip)
}

function toolOf(event: Fields): string | undefined {
  const resources: unknown = event['resources']
  for (const resource of Array.isArray(resources) ? resources : []) {
    const fields = objectAt({ resource }, 'resource')
    if (fields['type'] === 'tool') return textAt(fields, 'name')
  }
  return undefined
}

type Fields = Readonly<Record<string, unknown>>

function objectAt(value: Fields, key: string): Fields {
  const inner = value[key]
  return typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
}

function textAt(value: Fields, key: string): string | undefined {
  const text = value[key]
  return typeof text === 'string' && text !== '' ? text : undefined
}

function numberAt(value: Fields, key: string): number | undefined {
  const number = value[key]
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined
}
