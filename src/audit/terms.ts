import { basename } from 'node:path/posix'
import { withPort } from '../protocol/endpoint.ts'
import type { Entry } from './reader.ts'
import { toRow } from './row.ts'

/** What an event can be asked for by, besides its time. */
export const fields = ['server', 'sandbox', 'kind', 'verdict', 'program', 'address', 'tool'] as const

export type Field = (typeof fields)[number]

/** Far longer than any that people ask for; what is longer is compared as far as this. */
const maxChars = 200

/** A field and a value, as one word of the index. */
export function term(field: Field, value: string): string {
  return `${field}=${value.slice(0, maxChars)}`
}

/**
 * What the line of an event with this word has in it, as the record is written: to pass over lines without parsing them.
 * Undefined where the word is not in the line as such.
 */
export function needleOf(word: string): string | undefined {
  const at = word.indexOf('=')
  const [field, value] = [word.slice(0, at), word.slice(at + 1)]
  if (value === '' || field === 'verdict' || value === 'unreadable') return undefined
  // An address and its port stand apart.
  const [, v6, host] = (field === 'address' && /^(?:\[([^\]]+)\]|([\w.-]+)):\d+$/.exec(value)) || []
  return JSON.stringify(v6 ?? host ?? value).slice(1, -1)
}

/** Everything that an event can be found by. Takes nothing for granted: the line may have been forged. */
export function termsOf(entry: Entry): Set<string> {
  const { event } = entry
  const row = toRow(entry)
  const terms = new Set([term('server', row.server), term('sandbox', row.sandbox), term('kind', row.kind)])
  if (row.verdict !== '') terms.add(term('verdict', row.verdict))
  if (event === undefined) return terms
  for (const process of [objectAt(objectAt(event, 'actor'), 'process'), objectAt(event, 'process')]) {
    const name = process['name']
    if (typeof name !== 'string' || name === '') continue
    // Found by its path, and by its name alone.
    terms.add(term('program', name)).add(term('program', basename(name)))
  }
  for (const end of [objectAt(event, 'dst_endpoint'), objectAt(event, 'src_endpoint')]) addEndpoint(terms, end)
  addEndpoint(terms, objectAt(event, 'query'))
  for (const address of furtherAddresses(event)) terms.add(term('address', address))
  const resources = event['resources']
  for (const resource of Array.isArray(resources) ? resources : []) {
    const { name, type } = objectAt({ resource }, 'resource')
    if (type === 'tool' && typeof name === 'string') terms.add(term('tool', name))
  }
  return terms
}

function furtherAddresses(event: Readonly<Record<string, unknown>>): string[] {
  const found = objectAt(event, 'unmapped')['further_addresses']
  return Array.isArray(found) ? found.filter((address) => typeof address === 'string') : []
}

/** An address and a name of a host are found with and without a port. */
function addEndpoint(terms: Set<string>, end: Readonly<Record<string, unknown>>): void {
  const { ip, port, name, hostname } = end
  if (typeof name === 'string') terms.add(term('address', name))
  if (typeof hostname === 'string') {
    terms.add(term('address', hostname))
    if (typeof port === 'number') terms.add(term('address', `${hostname}:${port}`))
  }
  if (typeof ip !== 'string') return
  terms.add(term('address', ip))
  if (typeof port === 'number') terms.add(term('address', withPort(ip, port)))
}

/** Milliseconds, of an event that says when it was; what no date can be is none (ECMA-262, "Time Values"). */
export function timeOf({ event }: Entry): number | undefined {
  const time = event?.['time']
  return typeof time === 'number' && Math.abs(time) <= 8.64e15 ? time : undefined
}

function objectAt(value: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const inner = value[key]
  return typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
}
