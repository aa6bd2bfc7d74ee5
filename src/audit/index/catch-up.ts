import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import type * as Sqlite from 'node:sqlite'
import { listFiles } from '../files.ts'
import { readLines } from '../lines.ts'
import { toEntry } from '../reader.ts'
import { termsOf, timeOf } from '../terms.ts'
import { createBlocks } from './blocks.ts'

/** Events between two commits: others may read and write in between, and a kill loses at most so much work. */
const chunk = 50_000

/** How much of all lines is in the index. */
export type Progress = (doneBytes: number, allBytes: number) => void

/** Brings the index to where the files are; what it has of files that are gone or were written anew is dropped. */
export function catchUp(database: Sqlite.DatabaseSync, directory: string, onProgress: Progress): void {
  const files = listFiles(directory).map((path) => ({ path, name: basename(path), stat: statSync(path) }))
  forgetMissing(database, new Set(files.map(({ name }) => name)))
  const known = indexed(database)
  const all = files.reduce((sum, { stat }) => sum + stat.size, 0)
  let done = files.reduce((sum, { name, stat }) => sum + Math.min(stat.size, known.get(name)?.bytes ?? 0), 0)
  const setStamp = database.prepare('UPDATE files SET stamp = ? WHERE name = ?')
  for (const { path, name, stat } of files) {
    const stamp = `${stat.ino}:${stat.size}:${stat.mtimeMs}`
    if (known.get(name)?.stamp === stamp) continue
    // No longer than it was, and yet written to: what is indexed of it is nothing any more.
    if (known.get(name)?.bytes === stat.size) forgetFile(database, name)
    for (let at = indexedBytes(database, name); ;) {
      const next = indexChunk(database, path, name)
      done += Math.max(0, next - at)
      onProgress(done, all)
      if (next === at) break
      at = next
    }
    setStamp.run(stamp, name)
  }
}

function indexedBytes(database: Sqlite.DatabaseSync, name: string): number {
  return Number(database.prepare('SELECT bytes FROM files WHERE name = ?').get(name)?.['bytes'] ?? 0)
}

/** How far each file is indexed, and what it looked like then. */
function indexed(database: Sqlite.DatabaseSync): Map<string, { bytes: number; stamp: string }> {
  const rows = database.prepare('SELECT name, bytes, stamp FROM files').all()
  return new Map(rows.map((row) => [String(row['name']), { bytes: Number(row['bytes']), stamp: String(row['stamp']) }]))
}

/** Some events more of one file, in one transaction; how far it is indexed then. */
function indexChunk(database: Sqlite.DatabaseSync, path: string, name: string): number {
  return transaction(database, () => {
    // Looked up here: another process may have gone on with this file.
    const { id, bytes } = fileRow(database, path, name)
    const blocks = createBlocks(database, id)
    let [end, events, last] = [bytes, 0, Buffer.alloc(0)]
    for (const line of readLines(path, bytes)) {
      if (!line.whole) break
      const entry = toEntry(line.bytes.toString())
      blocks.add({ start: end, end: line.end, time: timeOf(entry), terms: termsOf(entry) })
      end = line.end
      last = Buffer.from(line.bytes)
      if (++events >= chunk) break
    }
    blocks.finish()
    if (events > 0) {
      database
        .prepare('UPDATE files SET bytes = ?, tail = ? WHERE id = ?')
        .run(end, last.toString('latin1').slice(-tailChars), id)
    }
    return end
  })
}

/** Lines end in their hash: the last characters tell one file from another. */
const tailChars = 80

function fileRow(database: Sqlite.DatabaseSync, path: string, name: string): { id: number; bytes: number } {
  const row = database.prepare('SELECT id, bytes, tail FROM files WHERE name = ?').get(name)
  if (row !== undefined) {
    const found = { id: Number(row['id']), bytes: Number(row['bytes']) }
    if (isSame(path, found.bytes, String(row['tail']))) return found
    forget(database, found.id)
  }
  const { lastInsertRowid } = database
    .prepare("INSERT INTO files (name, bytes, tail, stamp) VALUES (?, 0, '', '')")
    .run(name)
  return { id: Number(lastInsertRowid), bytes: 0 }
}

/** Whether the file still has, in front of an offset, what was indexed last. */
function isSame(path: string, bytes: number, tail: string): boolean {
  if (bytes === 0) return true
  const buffer = Buffer.alloc(tail.length + 1)
  const fd = openSync(path, 'r')
  try {
    const read = readSync(fd, buffer, 0, buffer.length, Math.max(0, bytes - buffer.length))
    return read === buffer.length && buffer.toString('latin1') === `${tail}\n`
  } finally {
    closeSync(fd)
  }
}

function forgetMissing(database: Sqlite.DatabaseSync, there: ReadonlySet<string>): void {
  const gone = database
    .prepare('SELECT id, name FROM files')
    .all()
    .filter((row) => !there.has(String(row['name'])))
  if (gone.length === 0) return
  transaction(database, () => {
    for (const row of gone) forget(database, Number(row['id']))
  })
}

function forgetFile(database: Sqlite.DatabaseSync, name: string): void {
  transaction(database, () => {
    const row = database.prepare('SELECT id FROM files WHERE name = ?').get(name)
    if (row !== undefined) forget(database, Number(row['id']))
  })
}

function forget(database: Sqlite.DatabaseSync, file: number): void {
  database.prepare('DELETE FROM block_terms WHERE block IN (SELECT id FROM blocks WHERE file = ?)').run(file)
  database.prepare('DELETE FROM blocks WHERE file = ?').run(file)
  database.prepare('DELETE FROM files WHERE id = ?').run(file)
}

function transaction<T>(database: Sqlite.DatabaseSync, act: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = act()
    database.exec('COMMIT')
    return result
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}
