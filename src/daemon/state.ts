import { chmodSync } from 'node:fs'
import { dirname } from 'node:path'
import type { EndedServer } from '../protocol/daemon.ts'
import { makeDirectory } from '../system/make-directory.ts'

/** What the daemon remembers of the servers that it launched, beyond its own life. No command line, no environment: names. */
export interface State {
  /** @returns how many were running when the daemon before this one ended without a word */
  begin(): number
  launched(server: {
    readonly id: string
    readonly name: string
    readonly driver: string
    readonly startedMs: number
  }): void
  /** `how`: undefined when it was asked to end. */
  ended(id: string, how: string | undefined): void
  /** The latest unasked end of each name in the last hours. `isOver`: no daemon runs, so nothing of it does. */
  recent(now?: { readonly isOver: boolean }): EndedServer[]
  close(): void
}

interface Row {
  readonly id: string
  readonly name: string
  readonly startedMs: number
  readonly endedMs: number | null
  readonly how: string | null
}

/** Longer ago is for the record, which has it all. */
const recentMs = 12 * 3600_000
const keptRows = 1000

const schema = `
  CREATE TABLE IF NOT EXISTS launched (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    driver TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    how TEXT
  ) STRICT, WITHOUT ROWID`

/** `status` may look into it while a daemon begins. */
const busyMs = 5000

export const killed = 'the daemon was killed, and its sandboxes with it'

/** Written by who holds the daemon's lock, and by nobody else. */
export function openState(path: string, now: () => number = Date.now): State {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  makeDirectory(dirname(path))
  const database = new DatabaseSync(path, { timeout: busyMs })
  chmodSync(path, 0o600)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  database.exec(schema)
  const insert = database.prepare('INSERT OR REPLACE INTO launched (id, name, driver, started_ms) VALUES (?, ?, ?, ?)')
  const end = database.prepare('UPDATE launched SET ended_ms = ?, how = ? WHERE id = ? AND ended_ms IS NULL')
  const lost = database.prepare('UPDATE launched SET ended_ms = ?, how = ? WHERE ended_ms IS NULL')
  const trim = database.prepare(
    'DELETE FROM launched WHERE ended_ms IS NOT NULL AND id NOT IN (SELECT id FROM launched ORDER BY started_ms DESC LIMIT ?)',
  )
  // In the group of a name, SQLite takes the other columns from the row that has the maximum (lang_select.html, 2.5).
  const latest = database.prepare(
    `SELECT id, name, MAX(started_ms) AS startedMs, ended_ms AS endedMs, how FROM launched
     WHERE started_ms >= ? GROUP BY name ORDER BY startedMs`,
  )
  return {
    begin() {
      trim.run(keptRows)
      return Number(lost.run(now(), killed).changes)
    },
    launched: ({ id, name, driver, startedMs }) => void insert.run(id, name, driver, startedMs),
    ended: (id, how) => void end.run(now(), how ?? null, id),
    recent({ isOver } = { isOver: false }) {
      const rows = latest.all(now() - recentMs) as unknown as Row[]
      return rows.flatMap(({ id, name, startedMs, endedMs, how }): EndedServer[] => {
        if (endedMs === null) return isOver ? [{ id, name, startedMs, endedMs, how: killed }] : []
        return how === null ? [] : [{ id, name, startedMs, endedMs, how }]
      })
    },
    close: () => database.close(),
  }
}
