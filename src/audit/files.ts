import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { GloveboxError } from '../errors.ts'
import { codeOf } from './unwritable.ts'

const suffix = '.jsonl'

/** The file of a sandbox's record. An id has no dot: `ID.1.jsonl` is free for the next segment of a rotated one. */
export function fileOf(sandbox: string): string {
  return `${sandbox}${suffix}`
}

export function sandboxOf(path: string): string {
  return basename(path, suffix)
}

export function isRecord(name: string): boolean {
  return name.endsWith(suffix)
}

/** The paths of all records in a directory, by name; none where there is no directory. */
export function listFiles(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter(isRecord)
      .toSorted()
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
