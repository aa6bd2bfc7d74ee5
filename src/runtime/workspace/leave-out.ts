import { nameOf, type TreePath } from './path.ts'
import type { LeaveOut } from './tree.ts'

/** A word without a slash is a name, wherever it stands; one with a slash is a path from the top. */
export function excludeBy(words: readonly string[]): LeaveOut {
  const names = new Set<string>()
  const paths = new Set<TreePath>()
  for (const word of words) {
    const path = Buffer.from(word.replaceAll(/^(\.?\/)+|\/+$/g, '')).toString('latin1')
    if (word.replace(/\/$/, '').includes('/')) paths.add(path)
    else names.add(path)
  }
  return (path) => names.has(nameOf(path)) || paths.has(path)
}

/** What of both trees is not compared: what was not copied. */
export function leaveOutOf({
  exclude,
  deny,
}: {
  readonly exclude: readonly string[]
  readonly deny: readonly TreePath[]
}): LeaveOut {
  const excluded = excludeBy(exclude)
  const denied = new Set(deny)
  return (path) => denied.has(path) || excluded(path)
}
