import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { hasCode } from '../../src/system/error-code.ts'

/** The regular files below a directory, at any depth, whole paths. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
}

/** The bytes of a file, one for each character; undefined when it is gone: who runs there has files for a moment, as the journal of a database. */
export function bytesUnlessGone(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}
