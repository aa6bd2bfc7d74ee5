import assert from 'node:assert/strict'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { usualRunners } from '../support/as-user.ts'
import { eventually } from '../support/eventually.ts'
import { connect, glovebox } from '../support/mcp-client.ts'
import { exec, place, sh } from '../support/workspace.ts'

// What docs/workspace.md shows of `glovebox workspace` is done here, and after a kill in workspace-recovery.test.ts.
for (const runner of usualRunners()) {
  const as = ` (${runner.name})`

  test(`what a program does to its copy is done to the workspace when it ends, and not before${as}`, async (t) => {
    const box = place(t, runner, 'changes')
    for (const name of ['kept', 'changed', 'deleted', 'mode', 'dir/in', 'gone/a', 'gone/b/c', 'renamed'])
      box.put(name, name)
    symlinkSync('kept', path.join(box.directory, 'link'))
    const script = `echo more >> changed; rm -r deleted gone; chmod 750 mode; mv renamed name; mkdir -p new/deep; echo x > new/deep/file
      ln -sfn changed link; rmdir -p nothing 2>/dev/null || true; printf done; read line; pwd > /workspace/pwd; cat /mcp-workspace/pwd`
    const { child, ended, said } = box.begin(...exec(box.directory), ...sh(`cd /workspace; ${script}`))
    await said('done')
    assert.equal(box.read('changed'), 'changed')
    assert.ok(existsSync(path.join(box.directory, 'gone/b/c')))
    child.stdin?.end('\n')
    const { code, stdout, stderr } = await ended
    assert.equal(code, 0, stderr)
    assert.equal(stdout, 'done/workspace\n')
    assert.equal(box.read('changed'), 'changedmore\n')
    assert.deepEqual(readdirSync(box.directory).toSorted(), [
      'changed',
      'dir',
      'kept',
      'link',
      'mode',
      'name',
      'new',
      'pwd',
    ])
    assert.equal(box.read('name'), 'renamed')
    assert.equal(box.read('new/deep/file'), 'x\n')
    assert.equal(statSync(path.join(box.directory, 'mode')).mode & 0o777, 0o750)
    assert.equal(readlinkSync(path.join(box.directory, 'link')), 'changed')
    for (const name of ['changed', 'new', 'new/deep/file', 'name']) {
      assert.equal(lstatSync(path.join(box.directory, name)).uid, statSync(box.directory).uid, name)
    }
    assert.match(stderr, /5 added, 3 changed, 6 deleted/)
    // What was there before is in the backup, and the copy is gone.
    const before = path.join(box.backup(), 'before')
    assert.equal(readFileSync(path.join(before, 'changed'), 'utf8'), 'changed')
    assert.equal(readFileSync(path.join(before, 'gone/b/c'), 'utf8'), 'gone/b/c')
    assert.deepEqual(box.copies(), [])
  })

  test(`a backup gives everything back, unless it was changed since${as}`, async (t) => {
    const box = place(t, runner, 'restore')
    for (const name of ['a', 'b', 'dir/c', 'd']) box.put(name, `${name} of before`)
    box.verb(
      ...exec(box.directory),
      ...sh('cd /workspace; echo new > a; rm -r dir; echo x > added; mkdir more; echo y > more/z; echo s > d'),
    )
    box.put('d', 'mine')
    const name = path.basename(box.backup())
    const { stderr, code } = box.verb('workspace', 'restore', name)
    assert.equal(code, 1)
    assert.match(stderr, /d: changed here too/)
    assert.deepEqual(readdirSync(box.directory).toSorted(), ['a', 'b', 'd', 'dir'])
    assert.equal(box.read('a'), 'a of before')
    assert.equal(box.read('dir/c'), 'dir/c of before')
    assert.equal(box.read('d'), 'mine')
  })

  test(`what was changed here too is not overwritten, and the sandbox's is kept aside${as}`, async (t) => {
    const box = place(t, runner, 'conflicts')
    for (const name of ['both', 'deleted', 'dir/x', 'same', 'only']) box.put(name, 'at first')
    const { child, ended, said } = box.begin(
      ...exec(box.directory),
      ...sh(
        `cd /workspace; for f in both deleted same only; do echo sandbox > $f; done; echo s > made; rm -r dir; printf done; read line`,
      ),
    )
    await said('done')
    box.put('both', 'host')
    rmSync(path.join(box.directory, 'deleted'))
    box.put('same', 'sandbox\n')
    box.put('made', 'host')
    box.put('dir/new', 'host')
    child.stdin?.end('\n')
    const { code, stderr } = await ended
    assert.equal(code, 0, stderr)
    assert.equal(box.read('both'), 'host')
    assert.equal(box.read('made'), 'host')
    assert.equal(box.read('only'), 'sandbox\n')
    assert.deepEqual(readdirSync(path.join(box.directory, 'dir')), ['new'])
    assert.ok(!existsSync(path.join(box.directory, 'deleted')))
    for (const told of ['both: changed here too', 'deleted: deleted here', 'made: made here too', 'dir: not removed']) {
      assert.ok(stderr.includes(told), stderr)
    }
    const kept = path.join(box.backup(), 'kept')
    for (const name of ['both', 'deleted']) assert.equal(readFileSync(path.join(kept, name), 'utf8'), 'sandbox\n')
    // With a yes they are taken over.
    const name = path.basename(box.backup())
    const unasked = box.verb('workspace', 'take', name)
    assert.equal(unasked.code, 2)
    assert.match(unasked.stderr, /kept aside[^]*\n {2}both\n[^]*--yes/)
    assert.equal(box.read('both'), 'host')
    const taken = box.verb('workspace', 'take', name, '--yes')
    assert.equal(taken.code, 0, taken.stderr)
    assert.equal(box.read('both'), 'sandbox\n')
    assert.equal(box.read('made'), 's\n')
    assert.equal(box.read('deleted'), 'sandbox\n')
  })

  test(`what a tool of the host would run is held until somebody says yes${as}`, async (t) => {
    const box = place(t, runner, 'held')
    box.put('package.json', '{"scripts":{"test":"true"}}')
    box.put('other/package.json', '{"scripts":{"test":"true"}}')
    const plant = `cd /workspace; mkdir -p .git/hooks .vscode .git/objects; echo evil > .git/hooks/pre-commit; echo '{}' > .vscode/tasks.json; echo o > .git/objects/o
      printf '{"scripts":{"postinstall":"evil"}}' > package.json; printf '{"scripts":{"test":"false"}}' > other/package.json; ln -s /etc/passwd out`
    const first = box.verb(...exec(box.directory), ...sh(plant))
    assert.equal(first.code, 0, first.stderr)
    assert.match(first.stderr, /not taken over without a yes/)
    for (const name of ['.git/hooks/pre-commit', '.vscode/tasks.json', 'out']) {
      assert.ok(!existsSync(path.join(box.directory, name)), name)
      assert.ok(first.stderr.includes(`  ${name}: `), first.stderr)
    }
    assert.equal(box.read('package.json'), '{"scripts":{"test":"true"}}')
    assert.equal(box.read('other/package.json'), '{"scripts":{"test":"false"}}')
    assert.equal(box.read('.git/objects/o'), 'o\n')
    const second = box.verb(...exec(box.directory, '--sync', 'yes'), ...sh(plant))
    assert.match(second.stderr, /look at these:\n(?: {2}.*\n)* {2}\.git\/hooks\/pre-commit: git runs it as a hook\n/)
    assert.equal(box.read('.git/hooks/pre-commit'), 'evil\n')
    assert.equal(readlinkSync(path.join(box.directory, 'out')), '/etc/passwd')
  })

  test(`with --sync no the copy stays, no later start takes it over, and it can be taken over by hand${as}`, async (t) => {
    const box = place(t, runner, 'no')
    box.put('a', 'first')
    const run = box.verb(...exec(box.directory, '--sync', 'no'), ...sh('echo second > /workspace/a'))
    assert.equal(run.code, 0, run.stderr)
    assert.equal(box.read('a'), 'first')
    const { copies } = JSON.parse(box.verb('workspace', 'list', '--json').stdout) as { copies: { id: string }[] }
    const id = copies[0]?.id ?? ''
    assert.ok(run.stderr.includes(`glovebox workspace sync ${id}`), run.stderr)
    assert.equal(box.verb('workspace', 'diff', id).stdout, '~ a\n')
    // Nobody's later start turns a no into a yes.
    assert.equal(box.verb(...exec(box.directory), ...sh('cat /workspace/a')).stdout, 'first')
    assert.match(box.verb('workspace', 'list').stdout, / kept /)
    assert.equal(box.verb('workspace', 'sync', id, '--sync', 'yes').code, 0)
    assert.equal(box.read('a'), 'second\n')
    assert.deepEqual(box.copies(), [])
  })

  test(`denied files are not in the copy, nothing of it runs, and excluded names stay out both ways${as}`, async (t) => {
    const box = place(t, runner, 'deny')
    box.put('.env', 'SECRET=1')
    box.put('run.sh', '#!/bin/sh\necho ran\n', 0o755)
    const script = `cd /workspace; cat .env 2>&1 || true; ./run.sh 2>&1 || true; echo x > ok; ls -A`
    const { stdout, stderr } = box.verb(
      ...exec(box.directory, '--deny', path.join(box.directory, '.env')),
      ...sh(script),
    )
    assert.ok(!stdout.includes('SECRET') && !stdout.includes('ran'), stdout)
    assert.match(stdout, /Permission denied/)
    assert.equal(box.read('.env'), 'SECRET=1', stderr)
    assert.equal(box.read('ok'), 'x\n')
  })

  test(`more than disk allows is not taken over, and the workspace is untouched${as}`, async (t) => {
    const box = place(t, runner, 'large')
    box.put('a', 'first')
    const { code, stderr } = box.verb(
      ...exec(box.directory, '--disk', '4M'),
      ...sh('cd /workspace; echo second > a; truncate -s 1T huge; head -c 3000000 /dev/zero > z'),
    )
    assert.equal(code, 1, stderr)
    assert.match(stderr, /nothing was changed/)
    assert.deepEqual(readdirSync(box.directory), ['a'])
    assert.equal(box.read('a'), 'first')
    assert.equal(box.copies().length, 1)
    assert.equal(box.verb('workspace', 'discard', /sync (gbx-\w+)/.exec(stderr)?.[1] ?? '').code, 0)
    assert.deepEqual(box.copies(), [])
  })

  test(`run: a server's work is taken over when its client leaves, and is in the record${as}`, async (t) => {
    const box = place(t, runner, 'server')
    box.put('old.txt', 'old')
    const server = path.join(runner.root, 'node_modules/@modelcontextprotocol/server-filesystem/dist/index.js')
    const { client, close } = await connect(runner, [
      'env',
      `GLOVEBOX_HOME=${box.home}`,
      ...glovebox(runner, ['run', '--workspace', box.directory, '--', 'node', server, box.directory]),
    ])
    await client.callTool({
      name: 'write_file',
      arguments: { path: path.join(box.directory, 'new.txt'), content: 'new' },
    })
    assert.ok(!existsSync(path.join(box.directory, 'new.txt')))
    await close()
    await eventually(() => (box.copies().length === 0 ? true : undefined))
    assert.equal(box.read('new.txt'), 'new')
    const logs = path.join(box.home, 'state/audit')
    const lines = readdirSync(logs)
      .filter((name) => name.endsWith('.jsonl'))
      .flatMap((name) => readFileSync(path.join(logs, name), 'utf8').trimEnd().split('\n'))
    const codes = new Set(
      lines.map((line) => (JSON.parse(line) as { metadata: { event_code: string } }).metadata.event_code),
    )
    assert.ok(codes.has('workspace-in') && codes.has('workspace-out'))
    assert.match(lines.find((line) => line.includes('"workspace-out"')) ?? '', /"\+ new\.txt"/)
  })
}
