import { readdirSync } from 'node:fs'
import { hasCode } from './error-code.ts'

/** What is in a directory; nothing where there is none. @throws the system's error */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []
    throw error
  }
}
