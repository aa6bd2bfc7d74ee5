import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { GloveboxError } from '../errors.ts'
import { codeOf } from './unwritable.ts'

const suffix = '.jsonl'

/** One file of a sandbox's record: the first is segment 0, each rotation begins the next. */
export interface RecordName {
  readonly sandbox: string
  readonly segment: number
}

/** `ID.jsonl`, `ID.1.jsonl`, `ID.2.jsonl`: an id has no dot. */
export function fileOf(sandbox: string, segment: number = 0): string {
  return `${keyOf({ sandbox, segment })}${suffix}`
}

/** What a file is called in maps and in messages: its name without the ending. */
export function keyOf({ sandbox, segment }: RecordName): string {
  return segment === 0 ? sandbox : `${sandbox}.${segment}`
}

export function recordOf(path: string): RecordName {
  const name = basename(path, suffix)
  const [, sandbox = name, segment = '0'] = /^(.*)\.(\d{1,9})$/.exec(name) ?? []
  return { sandbox, segment: Number(segment) }
}

export function sandboxOf(path: string): string {
  return recordOf(path).sandbox
}

/** By sandbox, and the segments of one in their order. */
export function compareRecords(a: RecordName, b: RecordName): number {
  return a.sandbox === b.sandbox ? a.segment - b.segment : a.sandbox < b.sandbox ? -1 : 1
}

export function isRecord(name: string): boolean {
  return name.endsWith(suffix)
}

/** The paths of all records in a directory, by name and segment; none where there is no directory. */
export function listFiles(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter(isRecord)
      .toSorted((a, b) => compareRecords(recordOf(a), recordOf(b)))
      .map((name) => join(directory, name))
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return []
    if (code !== 'EACCES') throw error
    throw new GloveboxError('FAILED', `this user may not read the records in ${directory}`, {
      cause: error,
      fix: 'ask as the user whose sandboxes they are of',
    })
  }
}
