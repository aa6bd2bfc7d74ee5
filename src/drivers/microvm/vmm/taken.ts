import { lstatSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { makeDirectory } from '../../../system/make-directory.ts'
import type { Shape } from './shape.ts'

export const memoryName = 'memory'
export const stateName = 'state'

/** QEMU's is some 60 KB, Firecracker's less. It is read whole at each start. */
const maxStateBytes = 64 * 1024 ** 2

/**
 * Takes what a VMM has left of a machine out of the directory that it sees, and looks at it there: in one of level `server` a program of a
 * stranger's has run, which may have taken over its VMM. A link in place of a file would have us read, or lay a machine's memory over, whatever
 * file of the user's it names; a FIFO is read for ever. The VMM has been killed, but may not be gone yet: by their names it does not
 * reach these files any more, and a later word of its own to what it has open is seen by their stamps.
 * @throws GloveboxError NOT_STARTED
 */
export function takeFrom(theirs: string, ours: string, { memoryBytes }: Pick<Shape, 'memoryBytes'>): void {
  makeDirectory(ours)
  takeFile(memoryName, theirs, ours, (size) => size === memoryBytes)
  takeFile(stateName, theirs, ours, (size) => size > 0 && size <= maxStateBytes)
}

function takeFile(name: string, theirs: string, ours: string, isSize: (size: number) => boolean): void {
  const path = join(ours, name)
  try {
    renameSync(join(theirs, name), path)
  } catch (cause) {
    throw wrongFile(name, 'is not there', cause)
  }
  // Not `stat`: of a link it would tell what that names.
  const found = lstatSync(path)
  if (!found.isFile()) throw wrongFile(name, 'is no file')
  if (found.nlink !== 1) throw wrongFile(name, 'has another name')
  if (!isSize(found.size)) throw wrongFile(name, `has ${found.size} bytes`)
}

/** Of a file that a VMM has left. */
export function wrongFile(name: string, why: string, cause?: unknown): GloveboxError {
  return new GloveboxError('NOT_STARTED', `the template's ${name} ${why}: nothing is cloned from that`, {
    fix: 'glovebox doctor says whether this host can run a virtual machine',
    ...(cause !== undefined && { cause }),
  })
}
