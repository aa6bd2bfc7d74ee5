import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type * as Sqlite from 'node:sqlite'

/** How long a chain is and how it ends, kept apart from it: so a cut-off end shows. */
export interface Head {
  readonly sandbox: string
  readonly events: number
  /** Offset of the end of the last of these events in the file. */
  readonly bytes: number
  readonly hash: string
  /** Nothing may follow. */
  readonly closed: boolean
}

export type Kept = 'kept' | 'busy' | 'full'

export interface Heads {
  /** Waits at most `waitMs` for other writers. What is `busy` or `full` now can be kept later; anything else is thrown. */
  put(head: Head, waitMs: number): Kept
  close(): void
}

// `segment` is 0 until rotation: then a sandbox has one file, and one head, for each.
const schema = `
  CREATE TABLE IF NOT EXISTS heads (
    sandbox TEXT NOT NULL,
    segment INTEGER NOT NULL,
    events INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    hash TEXT NOT NULL,
    closed INTEGER NOT NULL,
    PRIMARY KEY (sandbox, segment)
  ) STRICT, WITHOUT ROWID`

// Never backwards: a late write of an earlier head must not hide a later one.
const upsert = `
  INSERT INTO heads (sandbox, segment, events, bytes, hash, closed) VALUES (?, 0, ?, ?, ?, ?)
  ON CONFLICT (sandbox, segment) DO UPDATE
  SET events = excluded.events, bytes = excluded.bytes, hash = excluded.hash, closed = excluded.closed
  WHERE excluded.events >= heads.events AND heads.closed = 0`

export function headsPath(directory: string): string {
  return join(directory, 'heads.sqlite')
}

/** Opens nothing before the first `put`: loading SQLite and making the file are off the start path. */
export function openHeads(directory: string): Heads {
  let open: { readonly database: Sqlite.DatabaseSync; readonly statement: Sqlite.StatementSync } | undefined

  const put = (head: Head, waitMs: number): Kept =>
    attempt(() => {
      open ??= openDatabase(headsPath(directory), waitMs)
      open.database.exec(`PRAGMA busy_timeout = ${waitMs}`)
      open.statement.run(head.sandbox, head.events, head.bytes, head.hash, head.closed ? 1 : 0)
    })

  const close = (): void => {
    open?.database.close()
    open = undefined
  }

  return { put, close }
}

/** All heads of a directory by sandbox; empty where none was ever kept. */
export function readHeads(directory: string): ReadonlyMap<string, Head> {
  const path = headsPath(directory)
  if (!existsSync(path)) return new Map()
  const database = new (sqlite().DatabaseSync)(path, { readOnly: true, timeout: 5000 })
  try {
    const rows = database.prepare('SELECT sandbox, events, bytes, hash, closed FROM heads WHERE segment = 0').all()
    return new Map(rows.map((row) => [String(row['sandbox']), toHead(row)]))
  } finally {
    database.close()
  }
}

function toHead(row: Record<string, unknown>): Head {
  return {
    sandbox: String(row['sandbox']),
    events: Number(row['events']),
    bytes: Number(row['bytes']),
    hash: String(row['hash']),
    closed: row['closed'] === 1,
  }
}

function openDatabase(
  path: string,
  waitMs: number,
): { database: Sqlite.DatabaseSync; statement: Sqlite.StatementSync } {
  // SQLite would make it with the umask's mode; its -wal and -shm files take the mode of this one.
  closeSync(openSync(path, 'a', 0o600))
  const database = new (sqlite().DatabaseSync)(path, { timeout: waitMs })
  try {
    // WAL: writers of other processes are not waited for by readers, and a commit needs no fsync (synchronous=NORMAL):
    // after a power cut a head may be older than its chain, never newer.
    database.exec('PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = NORMAL')
    database.exec(schema)
    return { database, statement: database.prepare(upsert) }
  } catch (error) {
    database.close()
    throw error
  }
}

// https://sqlite.org/rescode.html: busy, locked, full
const transient: ReadonlyMap<number, Kept> = new Map([
  [5, 'busy'],
  [6, 'busy'],
  [13, 'full'],
])

function attempt(act: () => void): Kept {
  try {
    act()
    return 'kept'
  } catch (error) {
    // Extended codes have the primary one in their low byte.
    const primary = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
    const kept = transient.get(primary)
    if (kept === undefined) throw error
    return kept
  }
}

function sqlite(): typeof Sqlite {
  return process.getBuiltinModule('node:sqlite')
}
