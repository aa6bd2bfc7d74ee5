import type { Directory } from '../../../../system/directory.ts'

export interface Place {
  readonly directory: Directory
  /** The way to it without a link in it. */
  readonly parts: readonly Buffer[]
}

/** The way to directories below a root, as a process whose root it is would go: no link leads out of it. */
export interface Walk {
  /** The directory with these parts, made where it is not there; `onMade` is called with the parts of each. Ours to close, not the caller's. */
  directory(parts: readonly Buffer[], onMade: (parts: readonly Buffer[]) => void): Place
  /** Undefined where there is none. */
  existing(parts: readonly Buffer[]): Place | undefined
  /** What was open may lead elsewhere by now. */
  forget(): void
  /** While this is done, that directory stays open. */
  holding<T>(directory: Directory, work: () => T): T
  close(): void
}

/** As many as the kernel follows (path_resolution(7)). */
const linksMax = 40

export function createWalk(root: Directory): Walk {
  /** The last way that was gone: entries of one directory come together. */
  let last: { readonly key: string; readonly place: Place; readonly opened: Directory[] } | undefined
  let kept: { readonly directory: Directory; late: Directory[] } | undefined

  const forget = (): void => {
    const opened = last?.opened ?? []
    last = undefined
    if (kept !== undefined && opened.includes(kept.directory)) kept.late.push(...opened)
    else for (const each of opened) each.close()
  }

  const go = (
    parts: readonly Buffer[],
    onMade: ((parts: readonly Buffer[]) => void) | undefined,
  ): Place | undefined => {
    const key = Buffer.concat(parts.flatMap((part) => [part, Buffer.from('/')])).toString('latin1')
    if (last?.key === key) return last.place
    forget()
    const opened: Directory[] = []
    try {
      const place = follow(root, parts, opened, onMade)
      if (place === undefined) {
        for (const each of opened) each.close()
        return undefined
      }
      last = { key, place, opened }
      return place
    } catch (error) {
      for (const each of opened) each.close()
      throw error
    }
  }

  return {
    directory(parts, onMade) {
      const found = go(parts, onMade)
      if (found === undefined) throw new Error('a directory that was made is not there')
      return found
    },
    existing: (parts) => go(parts, undefined),
    forget,
    holding(directory, work) {
      kept = { directory, late: [] }
      try {
        return work()
      } finally {
        const { late } = kept
        kept = undefined
        for (const each of late) each.close()
      }
    },
    close: forget,
  }
}

interface Step {
  readonly directory: Directory
  readonly name: Buffer
}

function follow(
  root: Directory,
  parts: readonly Buffer[],
  opened: Directory[],
  onMade: ((parts: readonly Buffer[]) => void) | undefined,
): Place | undefined {
  const way: Step[] = []
  const left = [...parts]
  let links = 0
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    const text = name.toString('latin1')
    if (text === '' || text === '.') continue
    if (text === '..') {
      way.pop()
      continue
    }
    const at = way.at(-1)?.directory ?? root
    const stat = at.stat(name)
    if (stat?.isSymbolicLink() === true) {
      if (++links > linksMax) throw new Error('a path with more than 40 links in it')
      const link = at.readLink(name)
      if (link[0] === 0x2f) way.length = 0
      left.unshift(...split(link))
      continue
    }
    if (stat === undefined && onMade === undefined) return undefined
    if (stat !== undefined && !stat.isDirectory()) {
      if (onMade === undefined) return undefined
      throw new Error(`a path that leads through a file: ${JSON.stringify(name.toString('utf8'))}`)
    }
    const next = stat === undefined ? at.make(name) : at.child(name)
    opened.push(next)
    way.push({ directory: next, name })
    if (stat === undefined) onMade?.(way.map((each) => each.name))
  }
  return { directory: way.at(-1)?.directory ?? root, parts: way.map((each) => each.name) }
}

function split(path: Buffer): Buffer[] {
  return path
    .toString('latin1')
    .split('/')
    .map((part) => Buffer.from(part, 'latin1'))
}
