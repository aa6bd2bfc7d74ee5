import { untrusted } from '../../ui/untrusted.ts'

/**
 * A path below the workspace's top, one character for each byte (latin1): names of files are bytes, and need not be text. `''` is
 * the top itself.
 */
export type TreePath = string

/** The bytes of a path or of a name. */
export function bytesOf(path: TreePath): Buffer {
  return Buffer.from(path, 'latin1')
}

export function joined(parent: TreePath, name: string): TreePath {
  return parent === '' ? name : `${parent}/${name}`
}

export function parentOf(path: TreePath): TreePath {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

export function nameOf(path: TreePath): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Every directory above it, the nearest first, without the top. */
export function above(path: TreePath): TreePath[] {
  const found: TreePath[] = []
  for (let at = parentOf(path); at !== ''; at = parentOf(at)) found.push(at)
  return found
}

/**
 * The same for all spellings that some file system takes for one: without case, without characters that show nothing (HFS+, and
 * ext4's casefold), composed. The long s and the Kelvin sign are letters then.
 */
export function folded(path: TreePath): TreePath {
  // Nearly always it is ASCII, and there are many.
  if (/^[\x20-\x7e]*$/.test(path)) return path.toLowerCase()
  const text = bytesOf(path)
    .toString('utf8')
    .normalize('NFC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
  return Buffer.from(text.toUpperCase().toLowerCase()).toString('latin1')
}

/** A longer name than anybody reads. */
const mostShown = 512

/** As a person can be shown it: the sandbox has chosen the name. */
export function shown(path: TreePath): string {
  const text = untrusted(bytesOf(path).toString('utf8'))
  return text.length > mostShown ? `${text.slice(0, mostShown)}…` : text
}

/** In the order of a walk: what is above a path comes before it, and what is below right behind. */
export function byPlace(a: TreePath, b: TreePath): number {
  const [left, right] = [a.replaceAll('/', '\0'), b.replaceAll('/', '\0')]
  return left < right ? -1 : left > right ? 1 : 0
}
