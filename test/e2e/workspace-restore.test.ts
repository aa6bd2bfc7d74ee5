import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync, rmSync, utimesSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { usualRunners } from '../support/as-user.ts'
import { eventually } from '../support/eventually.ts'
import type { Ended } from '../support/mcp-client.ts'
import { exec, place, sh, type Place } from '../support/workspace.ts'

function sync(box: Place, script: string): void {
  const { code, stderr } = box.verb(...exec(box.directory), ...sh(`cd /workspace; ${script}`))
  assert.equal(code, 0, stderr)
}

/** The name of the backup that it was told. */
function backupOf({ stderr }: Ended): string {
  const name = /before: glovebox workspace restore (\S+)/.exec(stderr)?.[1]
  assert.ok(name !== undefined, stderr)
  return name
}

function itemsOf(box: Place, name: string): { readonly name: string; readonly paths: readonly string[] } {
  const about = readFileSync(path.join(box.home, 'state/backups', name, 'backup.json'), 'utf8')
  const { items } = JSON.parse(about) as { items: { path: string }[] }
  return { name, paths: items.map((item) => item.path) }
}

for (const runner of usualRunners()) {
  const as = ` (${runner.name})`

  test(`syncs that changed the same files are undone one after the other, large files too${as}`, (t) => {
    const box = place(t, runner, 'chain')
    box.put('a', 'first')
    box.put('mode', 'same', 0o644)
    box.put('large', 'first'.repeat(500_000))
    sync(box, 'echo second > a; chmod 700 mode; yes second | head -n 300000 > large; echo s > new')
    sync(box, 'echo third > a; chmod 600 mode; yes third | head -n 400000 > large; rm new')
    const back = (): void => {
      const { code, stderr } = box.here('workspace', 'restore')
      assert.equal(code, 0, stderr)
    }
    back()
    assert.equal(box.read('a'), 'second\n')
    assert.equal(box.read('new'), 's\n')
    assert.ok(box.read('large').startsWith('second\n'))
    back()
    assert.equal(box.read('a'), 'first')
    assert.ok(!existsSync(path.join(box.directory, 'new')))
    assert.equal(box.read('large'), 'first'.repeat(500_000))
    const none = box.here('workspace', 'restore')
    assert.equal(none.code, 2)
    assert.match(none.stderr, /has been put back/)
  })

  test(`between two undone syncs a change of yours is neither lost nor taken for the sandbox's${as}`, (t) => {
    const box = place(t, runner, 'mine')
    for (const name of ['mine', 'again', 'touched']) box.put(name, 'first')
    sync(box, 'for f in mine again touched; do echo second > $f; done')
    sync(box, 'for f in mine again touched; do echo third > $f; done')
    assert.equal(box.here('workspace', 'restore').code, 0)
    // Of the same size, so that the contents alone tell.
    box.put('mine', 'mine!!\n')
    utimesSync(path.join(box.directory, 'touched'), 1, 1)
    const { code, stderr } = box.here('workspace', 'restore')
    assert.equal(code, 1)
    assert.match(stderr, /not overwritten:\n {2}mine: changed here too\n/)
    assert.deepEqual(['mine', 'again', 'touched'].map(box.read), ['mine!!\n', 'first', 'first'])
  })

  test(`what was put back in part says so, and asking again goes on with what was left${as}`, (t) => {
    const box = place(t, runner, 'part')
    for (const name of ['a', 'b', 'older']) box.put(name, 'first')
    sync(box, 'echo second > older')
    sync(box, 'echo second > a; echo second > b; echo second > made')
    const [, newest = ''] = box.backups()
    const theirs = path.join(box.directory, 'b')
    renameSync(theirs, `${theirs}.theirs`)
    box.put('b', 'mine')
    box.put('made', 'mine')
    const first = box.here('workspace', 'restore')
    assert.equal(first.code, 1)
    assert.match(first.stderr, new RegExp(`${newest} is put back in part; glovebox workspace restore goes on`))
    assert.ok(first.stderr.includes(`glovebox workspace take ${backupOf(first)}`), first.stderr)
    assert.deepEqual(['a', 'b', 'made', 'older'].map(box.read), ['first', 'mine', 'mine', 'second\n'])
    // What is put back is yours again, whatever becomes of the rest.
    box.put('a', 'edited')
    assert.equal(box.here('workspace', 'restore').code, 1)
    assert.equal(box.read('b'), 'mine')
    renameSync(`${theirs}.theirs`, theirs)
    rmSync(path.join(box.directory, 'made'))
    const last = box.here('workspace', 'restore', '--json')
    assert.equal(last.code, 0, last.stdout)
    assert.equal((JSON.parse(last.stdout) as { state: string }).state, 'synced')
    assert.deepEqual(['a', 'b', 'older'].map(box.read), ['edited', 'first', 'second\n'])
    assert.equal(box.here('workspace', 'restore').code, 0)
    assert.deepEqual(['a', 'b', 'older'].map(box.read), ['edited', 'first', 'first'])
    assert.match(box.here('workspace', 'restore').stderr, /has been put back/)
  })

  test(`what was refused can be taken, and then the sync is put back as a whole${as}`, (t) => {
    const box = place(t, runner, 'refused')
    for (const name of ['a', 'b']) box.put(name, 'first')
    sync(box, 'echo second > a')
    sync(box, 'echo second > b')
    box.put('b', 'mine')
    const part = box.here('workspace', 'restore')
    assert.equal(part.code, 1)
    const taken = box.here('workspace', 'take', '--yes')
    assert.equal(taken.code, 0, taken.stderr)
    assert.match(taken.stderr, /kept aside[^]*\n {2}b\n/)
    assert.deepEqual(['a', 'b'].map(box.read), ['second\n', 'first'])
    assert.match(box.here('workspace', 'take', '--yes').stderr, /nothing that a sync/)
    assert.equal(box.here('workspace', 'restore').code, 0)
    assert.deepEqual(['a', 'b'].map(box.read), ['first', 'first'])
  })

  test(`a restore that was undone by its name can be asked for again without one${as}`, (t) => {
    const box = place(t, runner, 'undone')
    box.put('a', 'first')
    sync(box, 'echo second > a')
    const restored = box.here('workspace', 'restore')
    assert.equal(box.read('a'), 'first')
    assert.equal(box.verb('workspace', 'restore', backupOf(restored)).code, 0)
    assert.equal(box.read('a'), 'second\n')
    const again = box.here('workspace', 'restore')
    assert.equal(again.code, 0, again.stderr)
    assert.equal(box.read('a'), 'first')
    assert.equal(box.here('workspace', 'restore').code, 2)
  })

  test(`a sync that you have undone by hand, or all of which was held, is not in the way of the one before it${as}`, (t) => {
    const box = place(t, runner, 'by-hand')
    for (const name of ['a', 'b']) box.put(name, 'first')
    sync(box, 'echo second > a')
    sync(box, 'echo second > b')
    sync(box, 'mkdir .vscode; echo "{}" > .vscode/tasks.json')
    // The directory alone is taken over.
    assert.equal(box.here('workspace', 'restore').code, 0)
    box.put('b', 'first')
    assert.equal(box.here('workspace', 'restore').code, 0)
    assert.equal(box.here('workspace', 'restore').code, 0)
    assert.deepEqual(['a', 'b'].map(box.read), ['first', 'first'])
  })

  test(`a backup that lacks something removes nothing of yours${as}`, (t) => {
    const box = place(t, runner, 'lacks')
    for (const name of ['a', 'b']) box.put(name, 'first')
    const { code, stderr } = box.verb(
      ...exec(box.directory),
      ...sh(`cd /workspace; echo second > a; echo second > b; mkdir .vscode; echo '{}' > .vscode/tasks.json`),
    )
    assert.equal(code, 0, stderr)
    box.put('.vscode/tasks.json', 'mine')
    for (const name of ['before/a', 'kept/.vscode/tasks.json']) rmSync(path.join(box.backup(), name))
    for (const args of [['restore'], ['take', '--yes']]) {
      const { code: failed, stderr: why } = box.here('workspace', ...args)
      assert.equal(failed, 1, why)
      assert.match(why, /the backup is without (a|\.vscode\/tasks\.json), which it should have: nothing was changed/)
    }
    assert.deepEqual(['a', 'b', '.vscode/tasks.json'].map(box.read), ['second\n', 'second\n', 'mine'])
  })

  test(`a sync and a restore that are killed in their middle can be undone, and gone on with, as if they were not${as}`, async (t) => {
    const box = place(t, runner, 'killed')
    const many = 1500
    const name = (index: number): string => `d${index % 30}/f${index}`
    for (let index = 0; index < many; index += 1) box.put(name(index), `first ${index}`)
    const every = (text: (index: number) => string): boolean => {
      for (let index = 0; index < many; index += 1) if (box.read(name(index)) !== text(index)) return false
      return true
    }
    const kill = async (moment: () => boolean, ...args: string[]): Promise<void> => {
      const { child, ended } = box.begin(...args)
      await eventually(() => (moment() || child.exitCode !== null ? true : undefined))
      child.kill('SIGKILL')
      await ended
    }
    const held = box.verb(
      ...exec(box.directory, '--sync', 'no'),
      ...sh('cd /workspace; for f in d*/*; do echo second > $f; done'),
    )
    const id = /sync (gbx-\w+)/.exec(held.stderr)?.[1] ?? ''
    await kill(() => box.read('d0/f0') === 'second\n', 'workspace', 'sync', id, '--sync', 'yes')
    assert.ok(!every(() => 'second\n'), 'it was not in the middle of it')
    assert.equal(box.verb('workspace', 'sync', id, '--sync', 'yes').code, 0)
    assert.ok(every(() => 'second\n'))
    const rest = itemsOf(box, box.backups().at(-1) ?? '')
    await kill(() => box.read(rest.paths[0] ?? '') !== 'second\n', 'workspace', 'restore', rest.name)
    assert.equal(box.read(rest.paths.at(-1) ?? ''), 'second\n', 'it was not in the middle of it')
    const on = box.here('workspace', 'restore')
    assert.equal(on.code, 0, on.stderr)
    const last = box.here('workspace', 'restore')
    assert.equal(last.code, 0, last.stderr)
    assert.ok(every((index) => `first ${index}`))
    assert.equal(runner.spawnSync('find', [box.directory, '-name', '.glovebox*']).stdout, '')
  })
}
