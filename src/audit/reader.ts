import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isRecord, listFiles, sandboxOf } from './files.ts'
import { readLines } from './lines.ts'

/** A line of a record as it stands in the file, and what it says where it can be read. */
export interface Entry {
  readonly text: string
  readonly event: Readonly<Record<string, unknown>> | undefined
}

export interface Reader {
  /** The last events of all records together, by time. What comes later is left to `more`. */
  last(count: number): Entry[]
  /** What was added to a file of the directory since it was read. */
  more(name: string): Entry[]
}

/** @param wanted id of a sandbox or name of a server; all when absent */
export function createReader(directory: string, wanted: string | undefined): Reader {
  const positions = new Map<string, number>()
  const chosen = new Map<string, boolean>()

  const isChosen = (file: string): boolean => {
    const known = chosen.get(file)
    if (known !== undefined) return known
    const choice = wanted === undefined || sandboxOf(file) === wanted ? true : serverOf(file, wanted)
    // Before its first line is written a file cannot say whose it is: ask again.
    if (choice !== undefined) chosen.set(file, choice)
    return choice ?? false
  }

  const last = (count: number): Entry[] => {
    const newest = listFiles(directory)
      .map((file) => ({ file, changed: statSync(file).mtimeMs }))
      .toSorted((a, b) => b.changed - a.changed)
    let entries: Entry[] = []
    for (const { file, changed } of newest) {
      // Enough, and all of what is left is older.
      const oldest = entries.length < count ? -Infinity : timeOf(entries[0])
      const asked = changed >= oldest && isChosen(file) ? count : 0
      const found = lastLines(file, asked)
      positions.set(file, found.end)
      entries = [...entries, ...found.entries].toSorted((a, b) => timeOf(a) - timeOf(b)).slice(-count || Infinity)
    }
    return entries
  }

  const more = (name: string): Entry[] => {
    const file = join(directory, name)
    if (!isRecord(name) || !existsSync(file) || !isChosen(file)) return []
    const entries: Entry[] = []
    for (const line of readLines(file, positions.get(file) ?? 0)) {
      if (!line.whole) break
      entries.push(toEntry(line.bytes.toString()))
      positions.set(file, line.end)
    }
    return entries
  }

  return { last, more }
}

/** Whether the record is of this server; `undefined` while it has no line. */
function serverOf(file: string, wanted: string): boolean | undefined {
  for (const line of readLines(file)) {
    if (!line.whole) return undefined
    const metadata = toEntry(line.bytes.toString()).event?.['metadata']
    return typeof metadata === 'object' && metadata !== null && 'log_name' in metadata && metadata.log_name === wanted
  }
  return undefined
}

/** The last whole lines of a file, read from its end backwards, and the offset after them. */
function lastLines(file: string, count: number): { entries: Entry[]; end: number } {
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    for (let window = 64 * 1024; ; window *= 4) {
      const from = Math.max(0, size - window)
      const bytes = Buffer.alloc(size - from)
      readSync(fd, bytes, 0, bytes.length, from)
      const end = bytes.lastIndexOf(10) + 1
      // A window that begins inside a line has a piece of it first.
      const lines = bytes
        .toString('utf8', 0, end)
        .split('\n')
        .slice(from === 0 ? 0 : 1, -1)
      if (lines.length >= count || from === 0) {
        return { entries: count === 0 ? [] : lines.slice(-count).map(toEntry), end: from + end }
      }
    }
  } finally {
    closeSync(fd)
  }
}

export function toEntry(text: string): Entry {
  try {
    const event: unknown = JSON.parse(text)
    return { text, event: typeof event === 'object' && event !== null ? { ...event } : undefined }
  } catch (error) {
    if (error instanceof SyntaxError) return { text, event: undefined }
    throw error
  }
}

function timeOf(entry: Entry | undefined): number {
  const time = entry?.event?.['time']
  return typeof time === 'number' ? time : 0
}
