import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leadsOut, whyHostRunsIt } from './host-runs.ts'
import { actsTheSame } from './install-runs.ts'

test('what a tool of the host runs by itself is known, wherever in a project and however it is spelled', () => {
  const run = [
    '.git/hooks/pre-commit',
    '.git/config',
    '.git/config.worktree',
    '.git/info/attributes',
    '.git/modules/x/hooks/post-checkout',
    '.git',
    'sub/.git',
    'sub/.git/config',
    '.GIT/Hooks/post-merge',
    '.vscode/tasks.json',
    'sub/.idea/workspace.xml',
    '.envrc',
    'sub/.npmrc',
    'a.code-workspace',
    '.husky/pre-push',
    '.mcp.json',
    'glovebox.toml',
    '.claude/settings.json',
    '.cargo/config.toml',
    'node_modules/x/.git/config',
    '.git/commondir',
    '.git/gitdir',
    '.git/worktrees/w/gitdir',
    '.git/rebase-merge/git-rebase-todo',
    '.git/rebase-apply/patch',
    '.git/sequencer/todo',
    '.git/branches/origin',
    '.git/objects/info/alternates',
    '.git/objects/x/.git/config',
    '.g\u00e2\u0080\u008cit/config',
    '.vs\u00e2\u0080\u008dcode/tasks.json',
    '.hu\u00c5\u00bfky/pre-push',
    '.vscode',
    '.husky',
    '.lefthook.yml',
    'lefthook-local.toml',
    '.lintstagedrc.cjs',
    'lint-staged.config.js',
    '.helix/config.toml',
    '.dir-locals-2.el',
    'rust-toolchain',
    'rust-toolchain.toml',
    '.yarn/releases/yarn-4.cjs',
    'opencode.json',
    '.aider.conf.yml',
    '.windsurf/mcp.json',
    '.kiro/settings.json',
    'flake.nix',
    '.env',
    '.tool-versions',
    'binding.gyp',
    'package-lock.json',
    'pnpm-workspace.yaml',
    '.hg/hgrc',
    '.jj/repo/config.toml',
  ]
  for (const path of run) assert.ok(whyHostRunsIt(path) !== undefined, path)
})

test('code of the project, and what git only keeps, is not', () => {
  const kept = [
    'src/index.ts',
    'Makefile',
    '.git/objects/ab/cdef',
    '.git/refs/heads/main',
    '.git/HEAD',
    '.git/index',
    '.git/logs/HEAD',
    '.git/info/exclude',
    'node_modules/x/.vscode/settings.json',
    'node_modules/x/.npmrc',
    '.gitignore',
    '.github/workflows/ci.yml',
    'git/hooks/x',
    '.vscode-test.js',
    'constructor',
    'src/__proto__',
    '.hg/store/data/x',
    'promise.toml',
  ]
  for (const path of kept) assert.equal(whyHostRunsIt(path), undefined, path)
})

test('of a package.json all counts but what is inert, and a text that is none is never the same', () => {
  const plain = { name: 'x', scripts: { test: 'true' }, dependencies: { a: '1', b: '1' } }
  const same = (change: object): boolean => actsTheSame(JSON.stringify(plain), JSON.stringify({ ...plain, ...change }))
  for (const change of [
    {},
    { name: 'y', version: '2', description: 'z', main: './y.js', exports: {} },
    { scripts: { test: 'false', build: 'x' } },
    { dependencies: { b: '1', a: '1' } },
  ]) {
    assert.ok(same(change), JSON.stringify(change))
  }
  for (const change of [
    ...['preinstall', 'install', 'postinstall', 'prepare', 'pnpm:devPreinstall'].map((name) => ({
      scripts: { [name]: 'x' },
    })),
    { 'lint-staged': { '*': 'x' } },
    { husky: { hooks: { 'pre-commit': 'x' } } },
    { 'simple-git-hooks': { 'pre-commit': 'x' } },
    { dependencies: { a: 'https://example.com/a.tgz' } },
    { devDependencies: { c: 'file:./c' } },
    { overrides: { a: '2' } },
    { workspaces: ['x'] },
    { packageManager: 'pnpm@9.0.0' },
    { bin: { git: 'x.js' } },
    { gypfile: true },
    { aKeyOfTomorrow: 1 },
  ]) {
    assert.ok(!same(change), JSON.stringify(change))
  }
  const prepared = (build: string): string => JSON.stringify({ scripts: { prepare: 'npm run build', build } })
  assert.ok(!actsTheSame(prepared('tsc'), prepared('evil')), 'one that runs unasked may run any other')
  for (const text of ['', '{', '{"scripts":', 'null', '[]']) assert.ok(!actsTheSame(text, text))
})

test('a link leads out by an absolute path, or by more steps up than there are', () => {
  const cases: [string, string, boolean][] = [
    ['a', 'b', false],
    ['a', '..', true],
    ['d/a', '..', false],
    ['d/a', '../b', false],
    ['d/a', '../../b', true],
    ['a', '/etc', true],
    ['d/e/a', '../../x/../..', true],
    ['d/a', './../d/./b', false],
    ['a', 'd/../../d', true],
    // `s/l` may be a link itself: up from there is up from where it leads.
    ['s/q/m', '../l/../../x', true],
  ]
  for (const [path, target, out] of cases) assert.equal(leadsOut(path, target), out, `${path} -> ${target}`)
})
