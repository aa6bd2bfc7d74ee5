import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../errors.ts'
import { keyOf } from './files.ts'
import type { Open } from './heads-database.ts'
import { openDatabase, openReadOnly } from './heads-database.ts'
import { isNoDatabase } from './unwritable.ts'

/** How long a chain is and how it ends, kept apart from it: so a cut-off end shows. */
export interface Head {
  readonly sandbox: string
  readonly segment: number
  /** Of the whole chain up to here: the number of the last event. */
  readonly events: number
  /** Offset of the end of the last of these events in the file. */
  readonly bytes: number
  readonly hash: string
  /** Nothing may follow. */
  readonly closed: boolean
  /** The chain goes on in the next segment. */
  readonly continued: boolean
}

export type Kept = 'kept' | 'busy' | 'full'

export interface Heads {
  /** Waits at most `waitMs` for other writers. What is `busy` or `full` now can be kept later; anything else is thrown. */
  put(head: Head, waitMs: number): Kept
  close(): void
}

export function headsPath(directory: string): string {
  return join(directory, 'heads.sqlite')
}

/** Opens nothing before the first `put`: loading SQLite and making the file are off the start path. */
export function openHeads(directory: string): Heads {
  let open: Open | undefined

  const put = (head: Head, waitMs: number): Kept =>
    attempt(() => {
      open ??= openDatabase(headsPath(directory), waitMs)
      open.database.exec(`PRAGMA busy_timeout = ${waitMs}`)
      open.statement.run(head.sandbox, head.segment, head.events, head.bytes, head.hash, closedAs(head))
    })

  const close = (): void => {
    open?.database.close()
    open = undefined
  }

  return { put, close }
}

function closedAs({ closed, continued }: Head): number {
  return continued ? 2 : closed ? 1 : 0
}

/**
 * All heads of a directory by the key of their file (`keyOf`); empty where none was ever kept.
 * @throws GloveboxError AUDIT_TAMPERED when the file is there and is no database of ours
 */
export function readHeads(directory: string): ReadonlyMap<string, Head> {
  const path = headsPath(directory)
  if (!existsSync(path)) return new Map()
  try {
    return readAll(path)
  } catch (error) {
    if (!isNoDatabase(error)) throw error
    throw new GloveboxError('AUDIT_TAMPERED', `the heads of the records cannot be read: ${path} is damaged`, {
      cause: error,
      fix: 'without them the ends of the records cannot be checked: compare with a copy, then move the file, with its -wal and -shm, away',
    })
  }
}

function readAll(path: string): ReadonlyMap<string, Head> {
  const database = openReadOnly(path)
  try {
    const rows = database.prepare('SELECT sandbox, segment, events, bytes, hash, closed FROM heads').all()
    return new Map(rows.map(toHead).map((head) => [keyOf(head), head]))
  } finally {
    database.close()
  }
}

function toHead(row: Record<string, unknown>): Head {
  return {
    sandbox: String(row['sandbox']),
    segment: Number(row['segment']),
    events: Number(row['events']),
    bytes: Number(row['bytes']),
    hash: String(row['hash']),
    closed: row['closed'] !== 0,
    continued: row['closed'] === 2,
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
