import { closeSync, existsSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type * as Sqlite from 'node:sqlite'
import { codeOf, isNoDatabase } from '../unwritable.ts'

/** Another number: the index is made anew. */
const version = 2

/**
 * Not the events themselves: for each stretch of lines of a file, from when to when they are and which words are in them.
 * So the index is a hundredth of the record, and what it says is never an answer: the lines are read and looked at.
 */
const schema = `
  CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    bytes INTEGER NOT NULL,
    tail TEXT NOT NULL,
    stamp TEXT NOT NULL
  ) STRICT;
  CREATE TABLE blocks (
    id INTEGER PRIMARY KEY,
    file INTEGER NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    events INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX blocks_by_time ON blocks (last);
  CREATE INDEX blocks_by_file ON blocks (file, start);
  CREATE TABLE terms (id INTEGER PRIMARY KEY, term TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE block_terms (
    term INTEGER NOT NULL,
    block INTEGER NOT NULL,
    PRIMARY KEY (term, block)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX terms_by_block ON block_terms (block);
  PRAGMA user_version = ${version}`

/** For as long as another process may be at a part of it. */
const waitMs = 60_000

export function indexPath(directory: string): string {
  return join(directory, 'index.sqlite')
}

/** The index of a directory, made when it is not there, anew when it is damaged or of another version. */
export function openIndex(directory: string): Sqlite.DatabaseSync {
  const path = indexPath(directory)
  try {
    return open(path)
  } catch (error) {
    if (!isNoDatabase(error) && !(error instanceof OtherVersion)) throw error
    removeIndex(directory)
    return open(path)
  }
}

export function removeIndex(directory: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${indexPath(directory)}${end}`, { force: true })
}

class OtherVersion extends Error {}

function open(path: string): Sqlite.DatabaseSync {
  if (!existsSync(path)) create(path)
  const database = new (process.getBuiltinModule('node:sqlite').DatabaseSync)(path, { timeout: waitMs })
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384')
    prepareSchema(database)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** SQLite would make it with the umask's mode. */
function create(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

function prepareSchema(database: Sqlite.DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
    if (found === 0) database.exec(schema)
    else if (found !== version) throw new OtherVersion(`version ${found}`)
    database.exec('COMMIT')
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}
