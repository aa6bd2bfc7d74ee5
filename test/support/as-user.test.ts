import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { ordinaryUid, runners } from './as-user.ts'
import { readableTree } from './readable-tree.ts'

const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? false : 'only root can become another user'

test('Root tests as root and as an ordinary user, an ordinary user only as itself.', () => {
  const names = runners().map(({ name }) => name)
  assert.deepEqual(names, isRoot ? ['root', 'user'] : ['user'])
})

for (const runner of runners()) {
  test(`As ${runner.name}, a program has exactly the identity, groups and environment of the runner.`, () => {
    const script = 'const p = process; console.log(JSON.stringify([p.getuid(), p.getgid(), p.getgroups(), p.env]))'
    const run = runner.spawnSync(runner.node, ['-e', script])
    assert.equal(run.status, 0, run.stderr)
    const [uid, gid, groups, env] = JSON.parse(run.stdout) as [number, number, number[], Record<string, string>]
    assert.deepEqual([uid, gid], [runner.uid, runner.gid])
    if (runner.uid === ordinaryUid) assert.deepEqual(groups, [ordinaryUid])
    assert.deepEqual(env, runner.env)
  })

  test(`As ${runner.name}, the project can be read and run, and the runner's own places written.`, () => {
    const script = `import * as errors from ${JSON.stringify(path.join(runner.root, 'src/errors.ts'))}\n`
    const write = `import { writeFileSync } from 'node:fs'
      writeFileSync(process.env.HOME + '/a', 'x'); writeFileSync(process.env.TMPDIR + '/a', 'x')
      console.log(typeof errors.GloveboxError)`
    const run = runner.spawnSync(runner.node, ['--input-type=module', '-e', script + write])
    assert.equal(run.status, 0, run.stderr)
    assert.equal(run.stdout, 'function\n')
  })
}

test('An ordinary user has no capability and cannot read what only root may.', { skip: needsRoot }, () => {
  const user = runners().find(({ name }) => name === 'user')
  assert.ok(user)
  const run = user.spawnSync('/usr/bin/cat', ['/proc/self/status', '/etc/shadow'])
  assert.match(run.stdout, /^CapEff:\t0{16}$/m)
  assert.match(run.stderr, /shadow: Permission denied/)
})

test('A clone that only root may enter is copied, without the tools of development.', { skip: needsRoot }, () => {
  const base = mkdtempSync('/tmp/glovebox-test-copy-')
  const umask = process.umask(0o077)
  try {
    chmodSync(base, 0o755)
    const clone = path.join(base, 'closed')
    const files = ['package.json', 'src/a.ts', 'node_modules/zod/index.js', 'node_modules/typescript/lib.js']
    for (const file of files) {
      mkdirSync(path.join(clone, path.dirname(file)), { recursive: true, mode: 0o700 })
      writeFileSync(path.join(clone, file), file, { mode: 0o600 })
    }
    chmodSync(clone, 0o700)
    const tree = readableTree(ordinaryUid, base, clone)
    assert.notEqual(tree.root, clone)
    const user = runners().find(({ name }) => name === 'user')
    const read = user?.spawnSync(
      '/usr/bin/cat',
      files.slice(0, 3).map((file) => path.join(tree.root, file)),
    )
    assert.equal(read?.stdout, files.slice(0, 3).join(''), read?.stderr)
    assert.ok(!existsSync(path.join(tree.root, 'node_modules/typescript')))
  } finally {
    process.umask(umask)
    rmSync(base, { recursive: true })
  }
})

test('What was made for the runners is gone after the process.', () => {
  const [runner] = runners()
  assert.ok(runner)
  const script = `import { runners } from ${JSON.stringify(import.meta.dirname + '/as-user.ts')}
    console.log(JSON.stringify(runners().map((r) => r.home)))`
  const run = runner.spawnSync(process.execPath, ['--input-type=module', '-e', script])
  assert.equal(run.status, 0, run.stderr)
  const homes = JSON.parse(run.stdout) as string[]
  assert.ok(homes.length > 0)
  for (const home of homes) assert.ok(!existsSync(home), home)
})
