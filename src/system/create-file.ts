import { writeFileSync } from 'node:fs'
import { GloveboxError, messageOf } from '../errors.ts'

/**
 * Writes a file that is not there yet.
 * @throws GloveboxError FAILED: what stands there is somebody's
 */
export function createFile(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' })
  } catch (cause) {
    const isThere = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
    throw new GloveboxError(
      'FAILED',
      isThere ? `${path} is there already` : `${path}: cannot be written: ${messageOf(cause)}`,
      {
        cause,
        fix: isThere ? 'name another file' : 'check the path and its permissions',
      },
    )
  }
}
