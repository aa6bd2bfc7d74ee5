import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { GloveboxError } from '../../errors.ts'

/**
 * Makes a directory that nobody but us can enter, or sees that it is one. Its place may be below /tmp, where anybody can be
 * there first: a link, or a directory of somebody else's, is refused.
 * @throws GloveboxError REFUSED, or the system's error
 */
export function ownDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: false, mode: 0o700 })
    return
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'EEXIST') throw error
  }
  const stat = lstatSync(path)
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) {
    throw new GloveboxError('REFUSED', `${path} is not a directory of this user`, {
      fix: 'remove it, or set XDG_RUNTIME_DIR or GLOVEBOX_HOME to a directory of your own',
    })
  }
  if ((stat.mode & 0o077) !== 0) chmodSync(path, 0o700)
}
