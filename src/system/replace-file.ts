import {
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { GloveboxError, messageOf } from '../errors.ts'
import { makeDirectory } from './make-directory.ts'

export interface Replaced {
  /** The copy of what was there before; undefined when nothing was. */
  readonly backup: string | undefined
}

/**
 * Puts `after` in the place of a file, whole or not at all (rename(2)), with a dated copy of what was there, its mode and its
 * owner. Behind a link it is the file that is replaced, not the link.
 * @throws GloveboxError FAILED when it is not `before` any more, or somebody else is at it, or it cannot be written
 */
export function replaceFile(
  path: string,
  texts: { readonly before: string | undefined; readonly after: string },
  options: { readonly mode: number },
): Replaced {
  const target = existsSync(path) ? realpathSync.native(path) : path
  const attempt = <T>(act: () => T): T => {
    try {
      return act()
    } catch (cause) {
      if (cause instanceof GloveboxError) throw cause
      throw new GloveboxError('FAILED', `${path}: cannot be written: ${messageOf(cause)}`, {
        cause,
        fix: 'check the permissions of the file and of its directory',
      })
    }
  }
  return attempt(() => {
    makeDirectory(dirname(target))
    const unlock = lock(target)
    try {
      return replace(target, texts, options.mode)
    } finally {
      unlock()
    }
  })
}

function replace(
  target: string,
  { before, after }: { before: string | undefined; after: string },
  mode: number,
): Replaced {
  const there = existsSync(target) ? readFileSync(target, 'utf8') : undefined
  if (there !== before) {
    throw new GloveboxError('FAILED', `${target}: it was changed by somebody else meanwhile`, { fix: 'do it again' })
  }
  const stat = there === undefined ? undefined : statSync(target)
  const backup = there === undefined ? undefined : keepCopy(target)
  const fresh = join(dirname(target), `.${basename(target)}.${process.pid}.new`)
  try {
    const fd = openSync(fresh, 'wx', 0o600)
    try {
      writeFileSync(fd, after)
      // Before the rename: a file must never stand there with the mode of another.
      fchmodSync(fd, stat === undefined ? mode : stat.mode & 0o7777)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    if (stat !== undefined && stat.uid !== process.getuid?.()) chownSync(fresh, stat.uid, stat.gid)
    renameSync(fresh, target)
  } finally {
    rmSync(fresh, { force: true })
  }
  return { backup }
}

/** `glovebox.json.20261121T081500Z.bak`; a number more when there is one of the same second. */
function keepCopy(target: string): string {
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  for (let more = 0; ; more++) {
    const backup = `${target}.${stamp}${more === 0 ? '' : `-${more}`}.bak`
    if (existsSync(backup)) continue
    // With the mode of the original: what it holds may be secret.
    copyFileSync(target, backup, constants.COPYFILE_EXCL)
    return backup
  }
}

/** One edit at a time. A lock whose owner is gone is taken over. */
function lock(target: string): () => void {
  const file = join(dirname(target), `.${basename(target)}.lock`)
  // Linked into place with the owner already in it (link(2)): a lock without one would look abandoned.
  const own = `${file}.${process.pid}`
  writeFileSync(own, `${process.pid}\n`, { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < 2; attempt++) {
      if (linked(own, file)) return () => rmSync(file, { force: true })
      const owner = existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : Number.NaN
      if (isAlive(owner)) break
      rmSync(file, { force: true })
    }
  } finally {
    rmSync(own, { force: true })
  }
  throw new GloveboxError('FAILED', `${target}: another glovebox is changing it`, {
    fix: `do it again; remove ${file} if there is none`,
  })
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    // EPERM: it is there, and somebody else's.
    return true
  }
}
