import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type * as Sqlite from 'node:sqlite'
import { maxSpanMs } from './index/blocks.ts'
import { catchUp, type Progress } from './index/catch-up.ts'
import { openIndex } from './index/database.ts'
import { toEntry, type Entry } from './reader.ts'
import { needleOf, termsOf, timeOf } from './terms.ts'

/** What events are asked for: each of these holds for them. */
export interface Question {
  /** Milliseconds; both ends are part of it. */
  readonly since: number
  readonly until: number
  /** Words of the index (`term`). */
  readonly terms: readonly string[]
}

export interface Answer {
  /** By time. */
  readonly entries: readonly Entry[]
  /** There are older ones, beyond the limit. */
  readonly more: boolean
}

/** The newest events that a question is about, from the lines themselves; the index only says where to look. */
export function queryRecord(
  directory: string,
  question: Question,
  options: { limit: number; onProgress: Progress },
): Answer {
  const database = openIndex(directory)
  try {
    catchUp(database, directory, options.onProgress)
    return newest(database, directory, question, options.limit)
  } finally {
    database.close()
  }
}

/** Whether an event is one that is asked for. */
export function isAsked(entry: Entry, { since, until, terms }: Question): boolean {
  const time = timeOf(entry)
  if (time === undefined ? since !== -Infinity || until !== Infinity : time < since || time > until) return false
  if (terms.length === 0) return true
  const found = termsOf(entry)
  return terms.every((term) => found.has(term))
}

interface Found {
  readonly entry: Entry
  readonly time: number
}

function newest(database: Sqlite.DatabaseSync, directory: string, question: Question, limit: number): Answer {
  const files = createFiles(database, directory)
  const needles = question.terms.flatMap((term) => needleOf(term) ?? [])
  let found: Found[] = []
  try {
    for (const { file, start, end, last } of blocksOf(database, question)) {
      // Blocks come by their last event, the newest first: no event of this one or of any later one is newer than that.
      if (found.length > limit && (found[found.length - limit - 1]?.time ?? -Infinity) > last) break
      const entries = files
        .linesOf(file, start, end)
        .filter((line) => needles.every((needle) => line.includes(needle)))
        .map(toEntry)
        .filter((entry) => isAsked(entry, question))
        .map((entry) => ({ entry, time: timeOf(entry) ?? last }))
      if (entries.length === 0) continue
      found = [...entries, ...found].toSorted((a, b) => a.time - b.time)
      // One more than asked for tells that there are more.
      if (found.length > limit + 1) found = found.slice(-(limit + 1))
    }
  } finally {
    files.close()
  }
  return { entries: found.slice(-limit).map(({ entry }) => entry), more: found.length > limit }
}

interface BlockPlace {
  readonly file: number
  readonly start: number
  readonly end: number
  readonly last: number
}

function* blocksOf(database: Sqlite.DatabaseSync, { since, until, terms }: Question): Generator<BlockPlace> {
  const ids = terms.map((term) => database.prepare('SELECT id FROM terms WHERE term = ?').get(term)?.['id'])
  if (ids.includes(undefined)) return
  const having = ids.map(() => 'AND EXISTS (SELECT 1 FROM block_terms WHERE term = ? AND block = blocks.id)').join(' ')
  const [from, to] = [Math.max(since, Number.MIN_SAFE_INTEGER), Math.min(until, Number.MAX_SAFE_INTEGER - maxSpanMs)]
  const rows = database
    .prepare(
      `SELECT file, start, end, last FROM blocks INDEXED BY blocks_by_time
       WHERE last >= ? AND last <= ? AND first <= ? ${having} ORDER BY last DESC`,
    )
    .iterate(Math.floor(from), Math.ceil(to) + maxSpanMs, Math.ceil(to), ...(ids as number[]))
  for (const row of rows) {
    yield { file: Number(row['file']), start: Number(row['start']), end: Number(row['end']), last: Number(row['last']) }
  }
}

/** Far below what a process may have open. */
const maxOpen = 64

/** Lines by their place; a file stays open for the next block. */
function createFiles(database: Sqlite.DatabaseSync, directory: string) {
  const open = new Map<number, number>()
  const closeAll = (): void => {
    for (const fd of open.values()) closeSync(fd)
    open.clear()
  }
  const descriptorOf = (file: number): number => {
    const known = open.get(file)
    if (known !== undefined) return known
    const name = String(database.prepare('SELECT name FROM files WHERE id = ?').get(file)?.['name'])
    if (open.size >= maxOpen) closeAll()
    const fd = openSync(join(directory, name), 'r')
    open.set(file, fd)
    return fd
  }
  return {
    linesOf(file: number, start: number, end: number): string[] {
      const buffer = Buffer.alloc(end - start)
      const read = readSync(descriptorOf(file), buffer, 0, buffer.length, start)
      return buffer.toString('utf8', 0, read).split('\n').slice(0, -1)
    },
    close: closeAll,
  }
}
