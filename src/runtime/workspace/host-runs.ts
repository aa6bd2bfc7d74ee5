import { whyControlRuns } from './control-runs.ts'
import { folded, type TreePath } from './path.ts'

/**
 * Why a tool of the host would run something, by itself, for what stands at this path: a hook of git, a task of an editor, a setting
 * that names a program. Not the project's own code, which runs when its user runs it, and which they read as such.
 */
export function whyHostRunsIt(path: TreePath): string | undefined {
  const parts = folded(path).split('/')
  const name = parts.at(-1) ?? ''
  const why = whyControlRuns(parts)
  if (why !== undefined || parts.includes('.git')) return why
  // Packages bring such files of their own along, and nobody opens them as a project.
  if (parts.includes('node_modules')) return undefined
  // The last one too: a link of that name says where such a directory is.
  const directory = parts.find((part) => Object.hasOwn(inDirectories, part))
  if (directory !== undefined) return inDirectories[directory]
  if (Object.hasOwn(byName, name)) return byName[name]
  return byPattern.find(([pattern]) => pattern.test(name))?.[1]
}

const editor = 'an editor runs what it names'
const agent = 'an agent runs what it names'
const installer = 'a package manager runs what it names'
const locked = 'a package manager installs what it names, and runs the scripts of that'
const shell = 'a shell that enters the directory may run it'
const git = 'git runs what it names'
const hook = 'git runs it as a hook'
const rust = 'cargo runs what it names'
const own = 'glovebox starts what it names'

const inDirectories: Readonly<Record<string, string>> = {
  ...each(editor, '.vscode .vs .idea .fleet .zed .helix .devcontainer .vim .nvim .nova .theia'),
  ...each(hook, '.husky .githooks .git-hooks .hooks .lefthook .lefthook-local'),
  ...each(
    agent,
    '.claude .cursor .codex .gemini .windsurf .kiro .opencode .continue .roo .cline .clinerules .amazonq .qwen .junie .trae .crush .goose .copilot .agents',
  ),
  ...each(rust, '.cargo'),
  ...each(installer, '.yarn .bundle'),
  ...each(shell, '.mise .shadowenv.d .direnv'),
}

const byName: Readonly<Record<string, string>> = {
  ...each(git, '.gitmodules .gitconfig'),
  ...each(
    shell,
    '.env .tool-versions flake.nix flake.lock shell.nix default.nix devenv.nix devenv.yaml devbox.json .autoenv.zsh',
  ),
  ...each(
    installer,
    '.npmrc .yarnrc .yarnrc.yml .pnpmfile.cjs .pnpmfile.mjs pnpm-workspace.yaml package.json5 package.yaml bunfig.toml binding.gyp',
  ),
  ...each(locked, 'package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb'),
  ...each(
    editor,
    '.devcontainer.json .exrc .nvim.lua .nvimrc .vimrc .lvimrc .lazy.lua .dir-locals.el .dir-locals-2.el',
  ),
  ...each(
    agent,
    '.mcp.json mcp.json opencode.json opencode.jsonc crush.json .crush.json .aider.conf.yml .aider.conf.yaml',
  ),
  ...each(rust, 'rust-toolchain rust-toolchain.toml'),
  ...each(own, 'glovebox.json glovebox.jsonc glovebox.toml glovebox.yaml glovebox.yml'),
}

/** Of one tool each, in all the spellings that it looks for. */
const byPattern: readonly (readonly [RegExp, string])[] = [
  [/\.(?:code-workspace|sublime-project)$/, editor],
  [/^\.envrc(?:\.|$)|^\.?mise(?:\.[\w-]+)*\.toml$/, shell],
  [/^\.?lefthook(?:-local)?\.(?:ya?ml|toml|jsonc?)$/, 'git runs what it names, where lefthook is installed'],
  [/^\.pre-commit-config\.ya?ml$|^prek\.toml$/, 'git runs what it names, where pre-commit is installed'],
  [
    /^\.lintstagedrc(?:\.|$)|^lint-staged\.config\./,
    'a hook of git runs what it names, where lint-staged is installed',
  ],
  [/^\.huskyrc(?:\.|$)|^husky\.config\.|^\.?simple-git-hooks\.|^\.overcommit\.yml$/, git],
]

function each(why: string, names: string): Record<string, string> {
  return Object.fromEntries(names.split(' ').map((name) => [name, why]))
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
