import { GloveboxError } from '../errors.ts'
import { makeDirectory } from '../system/make-directory.ts'
import type { Style } from '../ui/style.ts'
import { kinds } from './kinds.ts'
import { followDirectory } from './follow.ts'
import { isAsked, queryRecord, type Question } from './query.ts'
import { createReader, type Entry } from './reader.ts'
import { createRowTable } from './row-table.ts'
import { fields, term, type Field } from './terms.ts'
import { parseWhen } from './when.ts'

/** What `audit query` was given: a time as it was typed, and values of fields. */
export interface QueryFlags extends Readonly<Partial<Record<Field, string>>> {
  readonly since?: string
  readonly until?: string
  readonly denied?: boolean
  readonly limit: number
  readonly json?: boolean
  readonly follow?: boolean
}

export interface QueryOptions {
  readonly directory: string
  readonly flags: QueryFlags
  readonly now: number
  readonly style: Style
  readonly write: (text: string) => void
  /** For people: what is not an answer. */
  readonly tell: (text: string) => void
  /** Told a share from 0 to 1, where the index is brought up to date. */
  readonly onProgress: (share: number) => void
  readonly signal: AbortSignal
}

/** Shows the newest events that are asked for, and with `follow` goes on with those that come. */
export async function queryAudit(options: QueryOptions): Promise<void> {
  const { directory, flags, tell, signal } = options
  const question = questionOf(flags, options.now)
  makeDirectory(directory)
  // Before the index: what comes meanwhile is either in the answer or followed.
  const reader = flags.follow === true ? createReader(directory, undefined) : undefined
  reader?.last(0)
  const show = createShow(options)
  const onProgress = (done: number, all: number): void => options.onProgress(all === 0 ? 1 : done / all)
  const { entries, more } = queryRecord(directory, question, { limit: flags.limit || Infinity, onProgress })
  show(entries)
  if (more) tell(`older events are not shown: --limit ${flags.limit} (0 shows all)\n`)
  if (entries.length === 0 && reader === undefined) tell('no event is like that\n')
  if (reader === undefined) return
  const seen = new Set(entries.map(({ text }) => text))
  const added = (file: string): void =>
    show(reader.more(file).filter((entry) => !seen.has(entry.text) && isAsked(entry, question)))
  await followDirectory(directory, added, signal)
}

function questionOf(flags: QueryFlags, now: number): Question {
  const since = flags.since === undefined ? -Infinity : parseWhen(flags.since, '--since', now)
  const until = flags.until === undefined ? Infinity : parseWhen(flags.until, '--until', now)
  if (since > until) {
    throw new GloveboxError('USAGE', '--since is after --until', { fix: 'exchange them' })
  }
  if (flags.follow === true && until !== Infinity) {
    throw new GloveboxError('USAGE', '--follow goes on, and --until ends', { fix: 'use one of the two' })
  }
  const terms = fields.flatMap((field) => {
    const value = field === 'verdict' ? verdictOf(flags) : flags[field]
    return value === undefined ? [] : [term(field, checked(field, value))]
  })
  return { since, until, terms }
}

/** `--denied` is short for the question that is asked most. */
function verdictOf({ verdict, denied }: QueryFlags): string | undefined {
  if (denied !== true) return verdict
  if (verdict === undefined || verdict === 'denied') return 'denied'
  throw new GloveboxError('USAGE', `--denied and --verdict ${verdict} cannot both hold`, { fix: 'use one of the two' })
}

/** Fields with few values: one that does not exist would find nothing, for ever. */
const known: Readonly<Partial<Record<Field, readonly string[]>>> = {
  kind: kinds,
  verdict: ['allowed', 'denied', 'recorded', 'failed'],
}

function checked(field: Field, value: string): string {
  const values = known[field]
  if (values === undefined || values.includes(value)) return value
  throw new GloveboxError('USAGE', `--${field} ${value}: there is no such ${field}`, {
    fix: `one of ${values.join(', ')}`,
  })
}

function createShow({ flags, style, write }: QueryOptions): (entries: readonly Entry[]) => void {
  const asTable = createRowTable(style)
  return (entries) => {
    if (entries.length === 0) return
    write(`${flags.json === true ? entries.map(({ text }) => text).join('\n') : asTable(entries)}\n`)
  }
}
