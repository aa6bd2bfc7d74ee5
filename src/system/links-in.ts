import { readdirSync, type Dirent } from 'node:fs'
import { join } from 'node:path'
import { hasCode } from './error-code.ts'
import { realOrNamed } from './real-places.ts'

/**
 * Where the links of a directory lead, as real paths.
 * @param levels how deep to look; 1 is the directory's own entries. Linked directories count as directories
 * @returns none of a directory that is not there, or not readable by us, who read nothing through its links then
 */
export function linksIn(directory: string, levels: number): string[] {
  return entriesOf(directory).flatMap((entry) => {
    const path = join(directory, entry.name)
    const deeper = levels > 1 && (entry.isDirectory() || entry.isSymbolicLink()) ? linksIn(path, levels - 1) : []
    return entry.isSymbolicLink() ? [realOrNamed(path), ...deeper] : deeper
  })
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) return []
    throw error
  }
}
