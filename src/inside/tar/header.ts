/** One block of a tar archive (IEEE Std 1003.1, pax, "ustar Interchange Format"). */
export const blockBytes = 512

/** Kinds of entries that are exchanged; whatever else an archive has is refused. */
export type TarKind = 'file' | 'directory' | 'symlink'

/** An entry as it stands in the archive. Everything in it is the other end's word. */
export interface TarEntry {
  /** Relative, with single slashes and without `.` or `..`. Empty: the directory that the archive is of. */
  readonly path: readonly Buffer[]
  readonly kind: TarKind
  /** Permission bits alone: no set-user-id, set-group-id or sticky bit. */
  readonly mode: number
  readonly size: number
  /** Of a symbolic link: what it holds, uninterpreted. */
  readonly link: Buffer
  /** Seconds since 1970, with a fraction. */
  readonly modified: number
}

/** Longest name and longest path that Linux takes (`NAME_MAX`, `PATH_MAX`). */
const nameMax = 255
const pathMax = 4096
/** Deeper than what people make, and than what makes us slow. */
const depthMax = 128

/**
 * A name out of an archive as the parts that it leads through.
 * @throws Error for an absolute one, one with `..`, and what no file can be called
 */
export function safePath(name: Buffer): Buffer[] {
  if (name.length > pathMax) throw new Error('a path of more than 4096 bytes')
  if (name[0] === 0x2f) throw new Error('an absolute path')
  if (name.includes(0)) throw new Error('a path with a zero byte')
  const parts = split(name).filter((part) => part.length > 0 && part.toString('latin1') !== '.')
  if (parts.length > depthMax) throw new Error(`a path of more than ${depthMax} parts`)
  for (const part of parts) {
    if (part.toString('latin1') === '..') throw new Error('a path with ".."')
    if (part.length > nameMax) throw new Error('a name of more than 255 bytes')
  }
  return parts
}

function split(name: Buffer): Buffer[] {
  const parts: Buffer[] = []
  let from = 0
  for (let at = name.indexOf(0x2f); at >= 0; at = name.indexOf(0x2f, from)) {
    parts.push(name.subarray(from, at))
    from = at + 1
  }
  return [...parts, name.subarray(from)]
}

/** Whether a link in the directory with these parts stays below the top of the archive, whatever it then names. */
export function staysBelow(directory: readonly Buffer[], link: Buffer): boolean {
  if (link.length === 0 || link.length > pathMax || link[0] === 0x2f || link.includes(0)) return false
  let depth = directory.length
  for (const part of split(link)) {
    const text = part.toString('latin1')
    if (text === '..') depth -= 1
    else if (text !== '' && text !== '.') depth += 1
    if (depth < 0) return false
  }
  return true
}
