import { randomHex } from '../../system/random-hex.ts'
import { openDirectory, type Directory } from '../../system/directory.ts'

/** Deeper than this, a directory is first moved up: each level below holds a descriptor and a stack frame. */
const levels = 64

/**
 * Removes all that is in a directory of ours, however deep a sandbox has made it and whatever modes it gave. Nothing is followed.
 * @throws the system's error
 */
export function clear(path: string): void {
  const top = openDirectory(path)
  try {
    for (let names = top.list(); names.length > 0; names = top.list()) {
      for (const name of names) remove(top, top, name, 0)
    }
  } finally {
    top.close()
  }
}

function remove(top: Directory, parent: Directory, name: Buffer, depth: number): void {
  const stat = parent.stat(name)
  if (stat === undefined) return
  if (!stat.isDirectory()) return parent.unlink(name)
  // A directory that its owner may not write cannot be emptied, and not be moved either (rename(2), EACCES).
  parent.enterable(name)
  if (depth >= levels) return parent.rename(name, top, Buffer.from(randomHex(16)))
  const below = parent.child(name)
  try {
    for (const each of below.list()) remove(top, below, each, depth + 1)
  } finally {
    below.close()
  }
  parent.removeEmpty(name)
}
