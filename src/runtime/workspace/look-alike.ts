import type { State, States } from './compare.ts'
import { gitRuns, whyGitRuns } from './control-runs.ts'
import { folded, nameOf, parentOf, type TreePath } from './path.ts'

/** A directory that looks like a repository is one to git, whatever it is called (git's "safe.bareRepository"). */
export interface LookAlikes {
  /**
   * Why this would make one, be what one runs, or lead to one. A repository has `HEAD`, `objects` and `refs`, or `HEAD` and a `commondir`
   * that says where another one has the rest (gitrepository-layout(5)). What makes one is held piece by piece: what is taken over today
   * must not be the first half of one, to which another sandbox adds the second tomorrow.
   */
  why(path: TreePath, is: State | undefined): string | undefined
}

const leading: ReadonlySet<string> = new Set(['commondir', 'gitdir', 'config.worktree'])
const files: ReadonlySet<string> = new Set(['head', 'config', 'commondir'])
const directories: ReadonlySet<string> = new Set(['objects', 'refs'])

/** Of what the host and the sandbox have, together. */
export function lookAlikesIn(trees: readonly States[]): LookAlikes {
  const marks = new Map<TreePath, Set<string>>()
  for (const tree of trees) {
    for (const [path, { kind }] of tree) {
      const name = folded(nameOf(path))
      if (!(files.has(name) && kind !== 'directory') && !(directories.has(name) && kind !== 'file')) continue
      const parent = folded(parentOf(path))
      const before = marks.get(parent)
      if (before === undefined) marks.set(parent, new Set([name]))
      else before.add(name)
    }
  }
  const has = (directory: TreePath, ...names: string[]): boolean =>
    names.some((name) => marks.get(directory)?.has(name) === true)

  const isRepository = (directory: TreePath): boolean =>
    has(directory, 'head') && (has(directory, 'commondir') || (has(directory, 'objects') && has(directory, 'refs')))

  function isPiece(path: TreePath, isDirectory: boolean): boolean {
    const [parent, name] = [parentOf(path), nameOf(path)]
    // In a `.git` there are `logs`, with `HEAD` and `refs` alone. Without one of the others that makes nothing.
    const isInGit = parent.split('/').includes('.git')
    if (name === 'objects') return has(parent, 'head', 'config')
    if (name === 'refs') return has(parent, 'config') || (has(parent, 'head') && (!isInGit || has(parent, 'objects')))
    if (isDirectory) return false
    if (leading.has(name)) return true
    if (name === 'config') return has(parent, 'head', 'objects', 'refs')
    return name === 'head' && has(parent, 'commondir', 'config', 'objects', ...(isInGit ? [] : ['refs']))
  }

  return {
    why(path, is) {
      const at = folded(path)
      // What stands in a `.git` is known by its name.
      if (nameOf(parentOf(at)) === '.git') return undefined
      const isDirectory = is?.kind === 'directory'
      if (isPiece(at, isDirectory)) return gitRuns
      if (isDirectory) return undefined
      const parts = at.split('/')
      for (let depth = 0; depth < parts.length; depth++) {
        const directory = parts.slice(0, depth).join('/')
        if (nameOf(directory) === '.git' || !isRepository(directory)) continue
        const why = whyGitRuns(parts.slice(depth))
        if (why !== undefined) return why
      }
      return undefined
    },
  }
}
