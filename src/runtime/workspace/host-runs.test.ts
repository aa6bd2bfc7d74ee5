import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leadsOut, unaskedScripts, whyHostRunsIt } from './host-runs.ts'

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
  ]
  for (const path of kept) assert.equal(whyHostRunsIt(path), undefined, path)
})

test('of a package.json the scripts count that run unasked, and a text that is none is never the same', () => {
  const same = unaskedScripts('{}')
  assert.equal(unaskedScripts('{"scripts":{"test":"x"},"dependencies":{"a":"1"}}'), same)
  assert.equal(unaskedScripts('null'), same)
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
    assert.notEqual(unaskedScripts(JSON.stringify({ scripts: { [name]: 'x' } })), same, name)
  }
  for (const text of ['', '{', '{"scripts":']) assert.equal(unaskedScripts(text), undefined)
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
