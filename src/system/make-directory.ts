import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorCode } from './error-code.ts'

/**
 * Makes a directory, for its owner alone unless another mode is given, and those above it with the same mode. One that is there stays
 * as it is. Not `mkdirSync` with `recursive`: where a file system answers ENOENT for a name below a directory that is there
 * (/proc does), that one tries for ever.
 * @throws the system's error; EEXIST where something else has that name
 */
export function makeDirectory(path: string, mode: number = 0o700): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) return requireThere(path, error)
    makeDirectory(dirname(path), mode)
    makeMissing(path, mode)
  }
}

function makeMissing(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Somebody else may have made it meanwhile.
    requireThere(path, error)
  }
}

function requireThere(path: string, error: unknown): void {
  const isThere = errorCode(error) === 'EEXIST' && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  if (!isThere) throw error
}
