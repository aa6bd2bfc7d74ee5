import { GloveboxError } from '../../errors.ts'
import type { Directory } from '../../system/directory.ts'
import { untrusted } from '../../ui/untrusted.ts'

/**
 * Moves what is finished to its name, each file in one step. A directory that is there already is filled, with what was in
 * it of other names left alone. Never through a link, and never a file in the place of a directory or the other way round.
 * @throws GloveboxError FAILED for what is in the way
 */
export function publish(from: Directory, name: Buffer, to: Directory, target: Buffer): void {
  const is = from.stat(name)
  const was = to.stat(target)
  if (is === undefined) throw new GloveboxError('INTERNAL', 'what was copied is gone before it had its name')
  if (was === undefined) return move(from, name, to, target)
  if (is.isDirectory() && was.isDirectory()) return merge(from, name, to, target)
  if (is.isDirectory()) throw inTheWay(target, was.isSymbolicLink() ? 'a link' : 'no directory', 'a directory')
  if (was.isDirectory()) throw inTheWay(target, 'a directory', 'no directory')
  from.rename(name, to, target)
}

/** A directory that its owner may not write cannot be moved to another one (its `..` changes, rename(2)). */
function move(from: Directory, name: Buffer, to: Directory, target: Buffer): void {
  const stat = from.stat(name)
  if (stat?.isDirectory() !== true || (stat.mode & 0o200) !== 0) return from.rename(name, to, target)
  from.enterable(name)
  const directory = from.child(name)
  try {
    from.rename(name, to, target)
    directory.setOwnMode(stat.mode & 0o777)
  } finally {
    directory.close()
  }
}

function merge(from: Directory, name: Buffer, to: Directory, target: Buffer): void {
  // Its own mode is not wanted: the directory that is there keeps what it has.
  from.enterable(name)
  const source = from.child(name)
  try {
    const directory = to.child(target)
    try {
      for (const each of source.list()) publish(source, each, directory, each)
    } finally {
      directory.close()
    }
  } finally {
    source.close()
  }
}

function inTheWay(name: Buffer, there: string, coming: string): GloveboxError {
  return new GloveboxError(
    'FAILED',
    `${untrusted(name.toString('utf8'))} is ${there} here, and what is copied is ${coming}`,
    { fix: 'remove or rename the one that is here, or copy to another name' },
  )
}
