import { formatEventId } from './event-id.ts'
import type { Entry } from './reader.ts'

export type RowVerdict = 'allowed' | 'denied' | 'recorded' | 'failed' | ''

/** An event in the words of a table. All of it may be hostile text. */
export interface Row {
  readonly time: Date | undefined
  /** `SANDBOX:NUMBER`, by which `policy explain` finds it. */
  readonly id: string
  readonly sandbox: string
  readonly server: string
  readonly kind: string
  readonly verdict: RowVerdict
  readonly rule: string
  readonly what: string
}

/** Takes nothing for granted: the line may have been forged. */
export function toRow({ text, event }: Entry): Row {
  if (event === undefined) return { ...empty, kind: 'unreadable', what: text.slice(0, 200) }
  const metadata = objectAt(event, 'metadata')
  const time = event['time']
  return {
    time: typeof time === 'number' && Math.abs(time) <= 8.64e15 ? new Date(time) : undefined,
    id: formatEventId(textAt(metadata, 'correlation_uid'), metadata['sequence']),
    sandbox: textAt(metadata, 'correlation_uid'),
    server: textAt(metadata, 'log_name'),
    kind: textAt(metadata, 'event_code'),
    verdict: verdictOf(event),
    rule: textAt(objectAt(event, 'firewall_rule'), 'name') || textAt(objectAt(event, 'policy'), 'name'),
    what: whatOf(event),
  }
}

const empty: Row = { time: undefined, id: '', sandbox: '', server: '', kind: '', verdict: '', rule: '', what: '' }

const verdicts: Readonly<Record<number, RowVerdict>> = { 1: 'allowed', 2: 'denied', 3: 'recorded' }

function verdictOf(event: Readonly<Record<string, unknown>>): RowVerdict {
  const action = event['action_id']
  if (typeof action === 'number') return verdicts[action] ?? ''
  return event['status_id'] === 2 ? 'failed' : ''
}

/** How many came before it that are not in the record stands first: a long text of a program's own must not hide it. */
function whatOf(event: Readonly<Record<string, unknown>>): string {
  const unmapped = objectAt(event, 'unmapped')
  const missing = ['unrecorded', 'over_budget', 'unwritten'].map((key) => unmapped[key])
  const sum = missing.reduce<number>((total, count) => total + (typeof count === 'number' ? count : 0), 0)
  return sum === 0 ? textOf(event) : `(${sum} more before it) ${textOf(event)}`
}

function textOf(event: Readonly<Record<string, unknown>>): string {
  const detail = textAt(event, 'status_detail')
  const text = textAt(event, 'raw_data') || [textAt(event, 'message'), detail].filter((part) => part !== '').join(': ')
  const { count } = event
  if (typeof count !== 'number') return text
  const [since, until] = [clockOf(event['start_time']), clockOf(event['end_time'])]
  const when = since === undefined || until === undefined || since === until ? '' : `, ${since} to ${until}`
  return `${text} (${count} times${when})`
}

/** `17:30:00`, of the world's clock; the table has the day. */
function clockOf(time: unknown): string | undefined {
  if (typeof time !== 'number' || !(Math.abs(time) <= 8.64e15)) return undefined
  return new Date(time).toISOString().slice(11, 19)
}

function objectAt(event: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const value = event[key]
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function textAt(event: Readonly<Record<string, unknown>>, key: string): string {
  const value = event[key]
  return typeof value === 'string' ? value : ''
}
