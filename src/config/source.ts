import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { GloveboxError, messageOf } from '../errors.ts'

/** The text of one file, and the name that errors call it by. */
export interface Source {
  readonly path: string
  readonly text: string
}

export interface Position {
  readonly line: number
  readonly column: number
}

/** Far more than any configuration; a bound on what hostile input can cost. */
export const maxFileBytes: number = 256 * 1024

/**
 * The text of a configuration file.
 * @throws GloveboxError POLICY_INVALID when it is not a readable file of text of a sane size
 */
export function readSource(path: string): Source {
  const bytes = readBytes(path)
  return { path, text: decode(bytes, path) }
}

/** As `readSource`; undefined when there is no such file. */
export function readSourceIfThere(path: string): Source | undefined {
  try {
    return readSource(path)
  } catch (error) {
    if (error instanceof GloveboxError && isMissing(error.cause)) return undefined
    throw error
  }
}

function readBytes(path: string): Buffer {
  // O_NONBLOCK: opening a FIFO that somebody put there must not wait for a writer (open(2)).
  const fd = attempt(path, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK))
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw unreadable(path, 'it is not a file', 'name a file')
    if (stat.size > maxFileBytes) {
      throw unreadable(path, `it has ${stat.size} bytes`, `a configuration has at most ${maxFileBytes}`)
    }
    return attempt(path, () => readFileSync(fd))
  } finally {
    closeSync(fd)
  }
}

function decode(bytes: Buffer, path: string): string {
  const text = bytes.toString('utf8')
  if (isUtf8(bytes)) return text
  const { line, column } = positionAt(text, text.indexOf('\u{FFFD}'))
  throw new GloveboxError('POLICY_INVALID', `${path}:${line}:${column}: these bytes are not UTF-8`, {
    fix: 'save the file as UTF-8',
  })
}

function attempt<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    throw unreadable(path, messageOf(cause), 'check the path and its permissions', cause)
  }
}

function unreadable(path: string, why: string, fix: string, cause?: unknown): GloveboxError {
  return new GloveboxError('POLICY_INVALID', `${path}: cannot be read: ${why}`, { fix, cause })
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

/** Line and column of an offset, both from 1; the column counts UTF-16 units, as editors do. */
export function positionAt(text: string, offset: number): Position {
  return positionsIn(text)(offset)
}

/** The same for many offsets of one text, which is looked through once. */
export function positionsIn(text: string): (offset: number) => Position {
  const starts = [0]
  for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r/g)) starts.push(index + end.length)
  return (offset) => {
    const at = Math.min(Math.max(0, offset), text.length)
    const line = lastAtMost(starts, at)
    const start = starts[line] ?? 0
    // A byte order mark takes no column on a screen.
    const mark = start === 0 && at > 0 && text.startsWith('\u{FEFF}') ? 1 : 0
    return { line: line + 1, column: at - start - mark + 1 }
  }
}

/** The index of the last of some ascending numbers that is not above a limit. */
function lastAtMost(numbers: readonly number[], limit: number): number {
  let [low, high] = [0, numbers.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((numbers[middle] ?? 0) <= limit) low = middle
    else high = middle - 1
  }
  return low
}
