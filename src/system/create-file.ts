import { accessSync, constants, lstatSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { GloveboxError, messageOf } from '../errors.ts'
import { hasCode } from './error-code.ts'

/**
 * Writes a file that is not there yet.
 * @throws GloveboxError FAILED: what stands there is somebody's
 */
export function createFile(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' })
  } catch (cause) {
    throw failure(path, cause)
  }
}

/**
 * Whether a file could be made there, before work is done for it.
 * @throws GloveboxError FAILED, as `createFile` would
 */
export function requireCreatable(path: string): void {
  let isTaken: boolean
  try {
    isTaken = lstatSync(path, { throwIfNoEntry: false }) !== undefined
    if (!isTaken) accessSync(dirname(path), constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw failure(path, cause)
  }
  if (isTaken) throw taken(path, undefined)
}

function failure(path: string, cause: unknown): GloveboxError {
  if (hasCode(cause, 'EEXIST')) return taken(path, cause)
  return new GloveboxError('FAILED', `${path}: cannot be written: ${messageOf(cause)}`, {
    cause,
    fix: 'check the path and its permissions',
  })
}

function taken(path: string, cause: unknown): GloveboxError {
  return new GloveboxError('FAILED', `${path} is there already`, { cause, fix: 'name another file' })
}
