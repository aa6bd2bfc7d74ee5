import { lstatSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../../../errors.ts'
import { fixedTime } from '../erofs.ts'

/**
 * Adds what every guest mounts something on, where it is not there. What is in the place of a directory is an error now, and not
 * when a machine starts. All of it has one time, and what it is put into keeps its own: the same source is the same image.
 */
export function completeRoot(root: string): void {
  const make = (path: string, how: () => void): void => {
    how()
    utimesSync(path, fixedTime, fixedTime)
  }
  keepingTime(root, () => {
    for (const name of ['dev', 'etc', 'proc', 'run', 'sys', 'tmp']) {
      const path = join(root, name)
      const stat = lstatSync(path, { throwIfNoEntry: false })
      if (stat === undefined) make(path, () => mkdirSync(path, { mode: 0o755 }))
      else if (!stat.isDirectory()) throw inTheWay(name)
    }
  })
  const etc = join(root, 'etc')
  keepingTime(etc, () => {
    for (const name of ['machine-id', 'hostname', 'hosts', 'resolv.conf']) {
      const path = join(etc, name)
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
        make(path, () => writeFileSync(path, '', { mode: 0o644 }))
    }
  })
}

function keepingTime(directory: string, work: () => void): void {
  const { atime, mtime } = lstatSync(directory)
  work()
  utimesSync(directory, atime, mtime)
}

function inTheWay(name: string): GloveboxError {
  return new GloveboxError('FAILED', `/${name} of the root filesystem is no directory`, {
    fix: 'make it one: every guest mounts something there, or looks for files in it',
  })
}
