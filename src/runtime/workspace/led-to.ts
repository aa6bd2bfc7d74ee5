import { posix } from 'node:path'
import type { States } from './compare.ts'
import { folded, parentOf, type TreePath } from './path.ts'

/**
 * What the host itself has led its tools to, whatever it is called: where a link leads that stands in the place of something that they
 * run, and what a repository's own configuration names. Folded paths; what is below one counts too.
 */
export function ledTo(
  host: States,
  options: {
    readonly isRun: (path: TreePath) => boolean
    readonly read: (path: TreePath) => string | undefined
    /** Where the workspace is on the host. */
    readonly top: string
  },
): ReadonlySet<TreePath> {
  const found = new Set<TreePath>()
  for (const [path, { kind }] of host) {
    const repository = kind === 'file' ? /^(?:(.*)\/)?\.git\/config(?:\.worktree)?$/i.exec(path) : null
    if (repository === null) continue
    for (const named of namedIn(options.read(path) ?? '')) {
      const base = named.isIncluded ? parentOf(path) : (repository[1] ?? '')
      add(found, within(options.top, base, named.word))
    }
  }
  const links = [...host].filter(([, { kind }]) => kind === 'link')
  // A link may lead to a link.
  for (let before = -1; before !== found.size;) {
    before = found.size
    for (const [path, { content }] of links) {
      if (options.isRun(path) || isBelow(path, found)) add(found, within(options.top, parentOf(path), content))
    }
  }
  return found
}

export function isBelow(path: TreePath, found: ReadonlySet<TreePath>): boolean {
  if (found.size === 0) return false
  for (let at = folded(path); at !== ''; at = parentOf(at)) if (found.has(at)) return true
  return false
}

function add(found: Set<TreePath>, path: TreePath | undefined): void {
  if (path !== undefined) found.add(folded(path))
}

/** Undefined for what is not in the workspace, and for its top. */
function within(top: string, base: TreePath, word: string): TreePath | undefined {
  const from = word.startsWith('/') ? posix.relative(top, word) : posix.join(base, word)
  const path = from.replace(/\/+$/, '')
  return path === '' || path === '.' || path === '..' || path.startsWith('../') ? undefined : path
}

/** Keys of git-config(1) whose values are programs, or directories and files of such. */
const runs: ReadonlySet<string> = new Set(
  'hookspath fsmonitor sshcommand pager editor clean smudge process textconv command driver helper program cmd askpass alternaterefscommand attributesfile gitproxy path'.split(
    ' ',
  ),
)

function* namedIn(text: string): Generator<{ readonly word: string; readonly isIncluded: boolean }> {
  let section = ''
  for (const line of text.replaceAll(/\\\r?\n/g, ' ').split('\n')) {
    // A key may stand behind its section's name, on the same line.
    const header = /^\s*\[\s*([\w.-]+)[^\]]*\]/.exec(line)
    if (header !== null) section = (header[1] ?? '').toLowerCase()
    const [, key = '', value = ''] = /^\s*([\w-]+)\s*=(.*)$/.exec(line.slice(header?.[0].length ?? 0)) ?? []
    if (section !== 'alias' && !runs.has(key.toLowerCase())) continue
    for (const word of value.replaceAll(/["'!]/g, ' ').split(/[\s;|&]+/)) {
      if (word !== '') yield { word, isIncluded: section === 'include' || section === 'includeif' }
    }
  }
}
