import { closeSync, existsSync, linkSync, openSync, rmSync } from 'node:fs'
import type * as Sqlite from 'node:sqlite'
import { codeOf } from './unwritable.ts'

// A sandbox has one file, and one head, for each segment. `closed` is 1 at the end, and 2 where the next segment goes on.
const schema = `
  CREATE TABLE heads (
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
  INSERT INTO heads (sandbox, segment, events, bytes, hash, closed) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (sandbox, segment) DO UPDATE
  SET events = excluded.events, bytes = excluded.bytes, hash = excluded.hash, closed = excluded.closed
  WHERE excluded.events >= heads.events AND heads.closed = 0`

export interface Open {
  readonly database: Sqlite.DatabaseSync
  readonly statement: Sqlite.StatementSync
}

export function openDatabase(path: string, waitMs: number): Open {
  if (!existsSync(path)) makeDatabase(path)
  const database = new (sqlite().DatabaseSync)(path, { timeout: waitMs })
  try {
    // A commit needs no fsync: after a power cut a head may be older than its chain, never newer.
    database.exec('PRAGMA synchronous = NORMAL')
    return { database, statement: database.prepare(upsert) }
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * Made aside and linked into its place: whoever sees the file sees all of it, however many make it at once,
 * and one without its table is never just one that is being made.
 */
function makeDatabase(path: string): void {
  const aside = `${path}.${process.pid}`
  rmSync(aside, { force: true })
  // SQLite would make it with the umask's mode; its -wal and -shm files take the mode of this one.
  closeSync(openSync(aside, 'wx', 0o600))
  const database = new (sqlite().DatabaseSync)(aside)
  try {
    // WAL, which stays with the file: readers and the writers of other processes do not wait for each other.
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(schema)
  } finally {
    database.close()
  }
  try {
    linkSync(aside, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    rmSync(aside)
  }
}

export function openReadOnly(path: string): Sqlite.DatabaseSync {
  return new (sqlite().DatabaseSync)(path, { readOnly: true, timeout: 5000 })
}

/** Loaded when it is first needed, which is after the start. */
function sqlite(): typeof Sqlite {
  return process.getBuiltinModule('node:sqlite')
}
