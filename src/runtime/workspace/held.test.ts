import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { openDirectory } from '../../system/directory.ts'
import { openMerge } from './merge.ts'

type Files = Readonly<Record<string, string>>

/** What of the sandbox's work is held, and what is taken over. A value that begins with an arrow is a link. */
async function look(t: TestContext, host: Files, sandbox: Files): Promise<{ held: string[]; taken: string[] }> {
  const base = mkdtempSync(path.join(tmpdir(), 'glovebox-held-'))
  t.after(() => rmSync(base, { recursive: true, force: true }))
  const open = [host, { ...host, ...sandbox }].map((files, index) => {
    const top = path.join(base, String(index))
    mkdirSync(top)
    for (const [name, text] of Object.entries(files))
      put(path.join(top, name), text.replaceAll('$TOP', path.join(base, '0')))
    return openDirectory(top)
  })
  t.after(() => open.forEach((each) => each.close()))
  const [ours, theirs] = open
  assert.ok(ours !== undefined && theirs !== undefined)
  const merge = await openMerge({
    original: (tree) =>
      new Map(
        [...tree].map(([at, { kind, mode, size, stamp, link }]) => {
          assert.ok(kind !== 'other')
          return [at, { kind, mode, size, content: link ?? '', host: stamp, copy: '' }]
        }),
      ),
    host: ours,
    sandbox: theirs,
    leaveOut: () => false,
    beside: '.glovebox-sync-test',
    growthBytes: 1024 ** 2,
    signal: undefined,
  })
  t.after(() => merge.close())
  const { changes, conflicts } = merge.found
  assert.ok(conflicts.every(({ why }) => why === 'held' || why === 'no-directory'))
  return { held: conflicts.map((each) => each.path), taken: changes.map((each) => each.path) }
}

function put(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  if (text.startsWith('→')) symlinkSync(text.slice(1), file)
  else if (text === '/') mkdirSync(file)
  else writeFileSync(file, text)
}

const head = 'ref: refs/heads/main\n'
const evil = '[core]\n\tfsmonitor = ./x\n'

test('a repository in two halves, which a commondir joins, is held in both', async (t) => {
  const { held } = await look(
    t,
    { readme: '' },
    {
      'A/HEAD': head,
      'A/commondir': '../x\n',
      'A/config.worktree': '[core]\n\tworktree = .\n',
      'x/config': evil,
      'x/objects/a': '',
      'x/refs/b': '',
    },
  )
  for (const name of ['A/HEAD', 'A/commondir', 'A/config.worktree', 'x/config']) assert.ok(held.includes(name), name)
})

test('no sandbox adds the last piece of a repository to what another one has left', async (t) => {
  const pieces: Files = { 'x/HEAD': head, 'x/config': evil, 'x/objects': '/', 'x/refs': '/' }
  for (const last of Object.keys(pieces)) {
    const { [last]: piece = '', ...rest } = pieces
    assert.deepEqual((await look(t, rest, { [last]: piece })).held, [last])
  }
  // In another case they are the same to some file systems.
  assert.deepEqual((await look(t, { 'x/head': head, 'x/OBJECTS/a': '', 'x/Refs/b': '' }, { 'x/Config': evil })).held, [
    'x/Config',
  ])
})

test('of a repository of any name only what git stores is taken over', async (t) => {
  const repository = { 'r.git/HEAD': head, 'r.git/config': '', 'r.git/objects/a': '', 'r.git/refs/heads/main': '1' }
  const { held, taken } = await look(t, repository, {
    'r.git/objects/b': '',
    'r.git/refs/heads/main': '2',
    'r.git/packed-refs': '',
    'r.git/config': evil,
    'r.git/hooks/post-receive': 'evil',
    'r.git/info/attributes': '* filter=x',
    'r.git/worktrees/w/gitdir': '/',
    'r.git/modules/m/config': evil,
    'r.git/rebase-merge/git-rebase-todo': 'exec evil',
  })
  assert.deepEqual(
    taken.filter(
      (name) =>
        name.includes('.git/') &&
        !/(?:hooks|info|modules|modules\/m|rebase-merge|worktrees|worktrees\/w|gitdir)$/.test(name),
    ),
    ['r.git/objects/b', 'r.git/packed-refs', 'r.git/refs/heads/main'],
  )
  assert.deepEqual(held, [
    'r.git/config',
    'r.git/hooks/post-receive',
    'r.git/info/attributes',
    'r.git/modules/m/config',
    'r.git/rebase-merge/git-rebase-todo',
  ])
})

test('the work of a day in a project and its repository is taken over', async (t) => {
  const host = {
    '.git/HEAD': head,
    '.git/config': '[core]\n\tbare = false\n',
    '.git/objects/a': '',
    '.git/refs/heads/main': '1',
  }
  const { held } = await look(t, host, {
    '.git/HEAD': 'ref: refs/heads/other\n',
    '.git/objects/ab/c': '',
    '.git/refs/heads/other': '1',
    '.git/refs/remotes/origin/HEAD': head,
    '.git/logs/HEAD': '1',
    '.git/logs/refs/heads/other': '1',
    '.git/logs/refs/remotes/origin/HEAD': '1',
    '.git/index': '1',
    'src/hooks/use-it.ts': '',
    'src/config/a.ts': '',
    'src/objects/b.ts': '',
    'src/refs/c.ts': '',
    'notes/HEAD': 'a file of that name',
    'app/config': 'another one',
  })
  assert.deepEqual(held, [])
})

test('what the host has led its tools to is held, whatever it is called', async (t) => {
  const host = {
    '.git/HEAD': head,
    '.git/config':
      '[core]\n\thooksPath = tools/h\n[include]\n\tpath = ../team.cfg\n[filter "x"] clean = "$TOP/clean.sh" %f\n[alias]\n\tx = !scripts/alias.sh\n[branch "src"]\n\tremote = src\n',
    '.git/hooks/pre-push': '→../../scripts/push.sh',
    'scripts/push.sh': '→real/push.sh',
    'scripts/real/push.sh': '1',
    '.vscode': '→etc/code',
    'etc/code/settings.json': '1',
    'package.json': '→etc/package.json',
    'etc/package.json': '{}',
    'src/a': '1',
  }
  const run = [
    'clean.sh',
    'etc/code/tasks.json',
    'etc/package.json',
    'scripts/alias.sh',
    'scripts/real/push.sh',
    'team.cfg',
    'tools/h/pre-commit',
  ]
  const { held, taken } = await look(
    t,
    host,
    Object.fromEntries([...run, 'src/a', 'scripts/other.sh'].map((name) => [name, 'evil'])),
  )
  assert.deepEqual(held, run)
  assert.deepEqual(
    taken.filter((name) => !['tools', 'tools/h'].includes(name)),
    ['scripts/other.sh', 'src/a'],
  )
})

test('a link in the place of what a tool runs is held, wherever it leads', async (t) => {
  const { held } = await look(
    t,
    { readme: '' },
    {
      '.vscode': '→innocent',
      'package.json': '→innocent/p.json',
      'd/.git': '→../innocent',
      'innocent/tasks.json': 'evil',
      'innocent/p.json': '{"scripts":{"postinstall":"evil"}}',
    },
  )
  assert.deepEqual(held, ['.vscode', 'd/.git', 'package.json'])
})
