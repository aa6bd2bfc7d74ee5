import { fstatSync } from 'node:fs'
import type { Directory } from '../../system/directory.ts'
import { bytesOf, parentOf, type TreePath } from './path.ts'

/**
 * Directories below a top by their paths, each opened by name in the one above it and never through a link. What was opened last
 * stays open, since neighbours are asked for one after the other.
 */
export interface Reach {
  /** @throws the system's error: ENOENT, ENOTDIR or ELOOP where it is no directory any more */
  directory(path: TreePath): Directory
  /** The one that `path` is in. */
  parent(path: TreePath): Directory
  /** To be told of a directory that is removed or renamed. */
  forget(path: TreePath): void
  close(): void
}

/** `own`: of a copy of ours, whose directories may be closed to us by their modes: they are open for as long as they are in use. */
export function reachFrom(top: Directory, options: { readonly own: boolean }): Reach {
  const open: Opened[] = []

  const leave = (depth: number): void => {
    while (open.length > depth) open.pop()?.leave()
  }

  const directory = (path: TreePath): Directory => {
    const names = path === '' ? [] : path.split('/')
    let common = 0
    while (common < names.length && open[common]?.name === names[common] && isInPlace(common)) common += 1
    leave(common)
    for (const name of names.slice(common)) open.push(enter(open.at(-1)?.directory ?? top, name, options.own))
    return open.at(-1)?.directory ?? top
  }

  /** What was moved elsewhere is not that path any more. Nobody but us is at a copy of ours. */
  const isInPlace = (depth: number): boolean => {
    const it = open[depth]
    if (options.own || it === undefined) return it !== undefined
    const [there, here] = [(open[depth - 1]?.directory ?? top).stat(bytesOf(it.name)), fstatSync(it.directory.fd)]
    return there?.ino === here.ino && there.dev === here.dev
  }

  return {
    directory,
    parent: (path) => directory(parentOf(path)),
    forget(path) {
      const names = path.split('/')
      if (names.every((name, index) => open[index]?.name === name)) leave(names.length - 1)
    },
    close: () => leave(0),
  }
}

interface Opened {
  readonly name: string
  readonly directory: Directory
  /** Closes it, and gives it the mode back that it had. */
  readonly leave: () => void
}

function enter(parent: Directory, name: string, own: boolean): Opened {
  const bytes = bytesOf(name)
  const stat = own ? parent.stat(bytes) : undefined
  const isClosed = stat?.isDirectory() === true && (stat.mode & 0o500) !== 0o500
  if (isClosed) parent.setMode(bytes, stat.mode | 0o500)
  const directory = parent.child(bytes)
  return {
    name,
    directory,
    leave() {
      if (isClosed) directory.setOwnMode(stat.mode & 0o777)
      directory.close()
    },
  }
}
