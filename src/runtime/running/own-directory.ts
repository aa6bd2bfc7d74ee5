import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { GloveboxError } from '../../errors.ts'

/**
 * Sees that this is a directory that nobody but us can enter, or makes it. Its place may be below /tmp, where anybody can be
 * there first: a link, or a directory of somebody else's, is refused.
 * @throws GloveboxError REFUSED, or the system's error
 */
export function ownDirectory(path: string): void {
  // Looked at first: nearly always it is there, and a call that fails costs more than all the others.
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) make(path)
  const stat = lstatSync(path)
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) {
    throw new GloveboxError('REFUSED', `${path} is not a directory of this user`, {
      fix: 'remove it, or set XDG_RUNTIME_DIR or GLOVEBOX_HOME to a directory of your own',
    })
  }
  if ((stat.mode & 0o077) !== 0) chmodSync(path, 0o700)
}

/** Another start may make it at the same time. */
function make(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error
  }
}
