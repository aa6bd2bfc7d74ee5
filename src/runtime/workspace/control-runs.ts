/**
 * Why something in the directory of a version control may be run, or leads it elsewhere. The path folded and in its parts; undefined
 * where there is no such directory in it, too.
 */
export function whyControlRuns(parts: readonly string[]): string | undefined {
  // All of them: what only looks as if it were an object may be a repository itself.
  for (const [at, part] of parts.entries()) {
    const below = parts.slice(at + 1)
    const why = part === '.git' ? whyGitRuns(below) : part === '.hg' ? ofMercurial(below) : ofJujutsu(part, below)
    if (why !== undefined) return why
  }
  return undefined
}

export const gitRuns = 'git runs what it names'

/**
 * What git only stores, and what it reads as the state of the project, runs nothing (gitrepository-layout(5)). Not here is what an
 * interrupted rebase or sequence goes on with: its list may have `exec` (git-rebase(1)), and it names a merge strategy, which is a program.
 */
const inert: ReadonlySet<string> = new Set([
  'objects',
  'refs',
  'logs',
  'head',
  'index',
  'orig_head',
  'fetch_head',
  'merge_head',
  'merge_msg',
  'merge_mode',
  'commit_editmsg',
  'packed-refs',
  'description',
  'shallow',
  'cherry_pick_head',
  'revert_head',
  'auto_merge',
  'index.lock',
  'gc.log',
  'lfs',
])

/** Below a directory that is git's, whatever it is called. */
export function whyGitRuns(below: readonly string[]): string | undefined {
  const [first, second, third] = below
  // `.git` itself: as a file or a link it says where all of that is.
  if (first === undefined) return gitRuns
  // Other repositories, which git looks into by their own configuration.
  if (first === 'objects') return second === 'info' && third?.endsWith('alternates') === true ? gitRuns : undefined
  if (first === 'info') return second === 'attributes' ? gitRuns : undefined
  return inert.has(first) ? undefined : first === 'hooks' ? 'git runs it as a hook' : gitRuns
}

const stored: ReadonlySet<string> = new Set([
  'store',
  'cache',
  'wcache',
  'dirstate',
  'branch',
  'bookmarks',
  'last-message.txt',
])

function ofMercurial([first]: readonly string[]): string | undefined {
  return first !== undefined && (stored.has(first) || first.startsWith('undo.')) ? undefined : 'hg runs what it names'
}

function ofJujutsu(part: string, below: readonly string[]): string | undefined {
  if (part !== '.jj') return undefined
  const last = below.at(-1)
  const runs = last === undefined || last === 'repo' || last === 'git_target' || /^config.*\.toml$/.test(last)
  return runs ? 'jj runs what it names' : undefined
}
