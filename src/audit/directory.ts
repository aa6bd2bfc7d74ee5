import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { codeOf } from './unwritable.ts'

/**
 * Makes a directory for its owner alone, and those above it.
 * Not `mkdirSync` with `recursive`: where a file system answers ENOENT for a name below a directory that is there
 * (/proc does), that one tries for ever.
 */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    makeDirectory(dirname(path))
    makeMissing(path)
  }
}

/** Somebody else may have made it meanwhile. */
function makeMissing(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}
