import { nameOf, type TreePath } from './path.ts'

/**
 * Why a tool of the host would run something, by itself, for what stands at this path: a hook of git, a task of an editor, a setting
 * that names a program. Not the project's own code, which runs when its user runs it, and which they read as such.
 */
export function whyHostRunsIt(path: TreePath): string | undefined {
  // File systems that know no case are everywhere else: a name that only differs in it means the same there.
  const parts = path.toLowerCase().split('/')
  const name = nameOf(path).toLowerCase()
  const repository = parts.indexOf('.git')
  if (repository >= 0) return ofGit(parts.slice(repository + 1))
  // Packages bring such files of their own along, and nobody opens them as a project.
  if (parts.includes('node_modules')) return undefined
  const directory = parts.slice(0, -1).find((part) => inDirectories[part] !== undefined)
  if (directory !== undefined) return inDirectories[directory]
  return byName[name] ?? (name.endsWith('.code-workspace') ? editor : undefined)
}

const editor = 'an editor runs what it names'
const agent = 'an agent runs what it names'
const installer = 'a package manager runs what it names'
const shell = 'a shell that enters the directory may run it'
const git = 'git runs what it names'

const inDirectories: Readonly<Record<string, string>> = {
  '.vscode': editor,
  '.idea': editor,
  '.fleet': editor,
  '.zed': editor,
  '.devcontainer': editor,
  '.husky': 'git runs it as a hook',
  '.githooks': 'git runs it as a hook',
  '.claude': agent,
  '.cursor': agent,
  '.codex': agent,
  '.gemini': agent,
  '.cargo': 'cargo runs what it names',
}

const byName: Readonly<Record<string, string>> = {
  '.gitmodules': git,
  '.gitconfig': git,
  '.envrc': shell,
  '.mise.toml': shell,
  'mise.toml': shell,
  '.npmrc': installer,
  '.yarnrc': installer,
  '.yarnrc.yml': installer,
  '.pnpmfile.cjs': installer,
  '.pre-commit-config.yaml': 'git runs what it names, where pre-commit is installed',
  'lefthook.yml': 'git runs what it names, where lefthook is installed',
  '.devcontainer.json': editor,
  '.exrc': editor,
  '.nvim.lua': editor,
  '.nvimrc': editor,
  '.vimrc': editor,
  '.dir-locals.el': editor,
  '.mcp.json': agent,
  'glovebox.json': 'glovebox starts what it names',
  'glovebox.jsonc': 'glovebox starts what it names',
  'glovebox.toml': 'glovebox starts what it names',
  'glovebox.yaml': 'glovebox starts what it names',
  'glovebox.yml': 'glovebox starts what it names',
}

/** What git only stores, and what it reads as the state of the project, runs nothing. */
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
  'rebase-merge',
  'rebase-apply',
  'branches',
  'index.lock',
  'gc.log',
  'lfs',
])

function ofGit(below: readonly string[]): string | undefined {
  const [first, second] = below
  // `.git` itself: as a file or a link it says where all of that is.
  if (first === undefined) return git
  if (first === 'info') return second === 'attributes' ? git : undefined
  return inert.has(first) ? undefined : first === 'hooks' ? 'git runs it as a hook' : git
}

/** Scripts of a package.json that an installer runs without being asked for them (npm's "Life Cycle Operation Order"). */
const unasked = [
  'preinstall',
  'install',
  'postinstall',
  'preprepare',
  'prepare',
  'postprepare',
  'prepublish',
  'dependencies',
]

/** What of a package.json an installer runs by itself; undefined for a text that is none. */
export function unaskedScripts(text: string): string | undefined {
  try {
    const scripts = (JSON.parse(text) as { scripts?: Readonly<Record<string, unknown>> } | null)?.scripts ?? {}
    return JSON.stringify(unasked.map((name) => (Object.hasOwn(scripts, name) ? scripts[name] : null)))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined
    throw error
  }
}

/**
 * Whether a link may lead out of the tree that it is in: by an absolute path, by more steps up than there are, or by a step up behind a
 * name, which goes up from wherever a link of that name leads.
 */
export function leadsOut(path: TreePath, target: string): boolean {
  if (target.startsWith('/')) return true
  const parts = target.split('/').filter((part) => part !== '' && part !== '.')
  const up = parts.findIndex((part) => part !== '..')
  const steps = up < 0 ? parts.length : up
  return steps > path.split('/').length - 1 || parts.slice(steps).includes('..')
}
