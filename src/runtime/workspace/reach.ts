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

/** `own`: of a copy of ours, whose directories may be closed to us by their modes. */
export function reachFrom(top: Directory, options: { readonly own: boolean }): Reach {
  const open: { readonly name: string; readonly directory: Directory }[] = []

  const leave = (depth: number): void => {
    while (open.length > depth) open.pop()?.directory.close()
  }

  const directory = (path: TreePath): Directory => {
    const names = path === '' ? [] : path.split('/')
    let common = 0
    while (common < names.length && open[common]?.name === names[common]) common += 1
    leave(common)
    for (const name of names.slice(common)) {
      const parent = open.at(-1)?.directory ?? top
      open.push({ name, directory: enter(parent, bytesOf(name), options.own) })
    }
    return open.at(-1)?.directory ?? top
  }

  return {
    directory,
    parent: (path) => directory(parentOf(path)),
    forget(path) {
      const depth = path.split('/').length
      if (
        open.length >= depth &&
        open
          .slice(0, depth)
          .map(({ name }) => name)
          .join('/') === path
      )
        leave(depth - 1)
    },
    close: () => leave(0),
  }
}

function enter(parent: Directory, name: Buffer, own: boolean): Directory {
  const stat = own ? parent.stat(name) : undefined
  if (stat?.isDirectory() !== true || (stat.mode & 0o500) === 0o500) return parent.child(name)
  parent.setMode(name, stat.mode | 0o500)
  const directory = parent.child(name)
  directory.setOwnMode(stat.mode & 0o777)
  return directory
}
