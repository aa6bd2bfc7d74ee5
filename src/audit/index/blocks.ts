import type * as Sqlite from 'node:sqlite'

/** Lines of one block: so many are read and looked at for one that is asked for. */
const maxEvents = 256

/**
 * From the first to the last event of a block. So a block that has an event of some hour ends
 * at most this much later: what is asked for lies together in the index by time.
 */
export const maxSpanMs: number = 10 * 60_000

export interface IndexedLine {
  readonly start: number
  readonly end: number
  /** Undefined where the line does not say: it counts as one of its neighbours' time. */
  readonly time: number | undefined
  readonly terms: ReadonlySet<string>
}

interface Block {
  id: number | undefined
  start: number
  end: number
  events: number
  first: number
  last: number
  readonly terms: Set<string>
}

/** Puts the lines of one file into blocks, going on with its last one. */
export function createBlocks(
  database: Sqlite.DatabaseSync,
  file: number,
): { add(line: IndexedLine): void; finish(): void } {
  const insertBlock = database.prepare(
    'INSERT INTO blocks (file, start, end, events, first, last) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const updateBlock = database.prepare('UPDATE blocks SET end = ?, events = ?, first = ?, last = ? WHERE id = ?')
  const insertTerm = database.prepare('INSERT INTO terms (term) VALUES (?) ON CONFLICT DO NOTHING')
  const selectTerm = database.prepare('SELECT id FROM terms WHERE term = ?')
  const insertPair = database.prepare('INSERT INTO block_terms (term, block) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const ids = new Map<string, number>()
  let block = lastBlock(database, file)
  let time = block?.last ?? 0

  const idOf = (term: string): number => {
    const known = ids.get(term)
    if (known !== undefined) return known
    insertTerm.run(term)
    const id = Number(selectTerm.get(term)?.['id'])
    ids.set(term, id)
    return id
  }

  const write = (): void => {
    if (block === undefined) return
    const { start, end, events, first, last } = block
    if (block.id === undefined)
      block.id = Number(insertBlock.run(file, start, end, events, first, last).lastInsertRowid)
    else updateBlock.run(end, events, first, last, block.id)
    for (const term of block.terms) insertPair.run(idOf(term), block.id)
  }

  const add = (line: IndexedLine): void => {
    time = Math.trunc(line.time ?? time)
    const fits =
      block !== undefined &&
      block.events < maxEvents &&
      Math.max(block.last, time) - Math.min(block.first, time) <= maxSpanMs
    if (block === undefined || !fits) {
      write()
      block = { id: undefined, start: line.start, end: line.end, events: 0, first: time, last: time, terms: new Set() }
    }
    block.end = line.end
    block.events++
    block.first = Math.min(block.first, time)
    block.last = Math.max(block.last, time)
    for (const term of line.terms) block.terms.add(term)
  }

  return { add, finish: write }
}

function lastBlock(database: Sqlite.DatabaseSync, file: number): Block | undefined {
  const row = database
    .prepare('SELECT id, start, end, events, first, last FROM blocks WHERE file = ? ORDER BY start DESC LIMIT 1')
    .get(file)
  if (row === undefined) return undefined
  const [id, start, end, events, first, last] = ['id', 'start', 'end', 'events', 'first', 'last'].map((key) =>
    Number(row[key]),
  ) as [number, number, number, number, number, number]
  return { id, start, end, events, first, last, terms: new Set() }
}
