import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { usualRunners } from '../support/as-user.ts'
import { eventually } from '../support/eventually.ts'
import { exec, namesIn, place, sh, type Place } from '../support/workspace.ts'

/** Enough to be met in the middle of. */
const many = 3000

function fill(box: Place): void {
  for (let index = 0; index < many; index += 1) box.put(`d${index % 30}/f${index}`, `first ${index}`)
}

const changeAll = 'cd /workspace; for f in d*/*; do echo second > $f; done; rm -r d29; echo new > new'

function copyFiles(box: Place): string[] {
  return box.copies().flatMap((name) => namesIn(path.join(box.home, 'state/workspaces', name, 'files')))
}

for (const runner of usualRunners()) {
  const as = ` (${runner.name})`

  test(`killed while it copies in: nothing is changed, and nothing is left after the next start${as}`, async (t) => {
    const box = place(t, runner, 'killed-in')
    fill(box)
    const { child, ended } = box.begin(...exec(box.directory), ...sh('echo never'))
    await eventually(() => (copyFiles(box).length > 2 ? true : undefined))
    child.kill('SIGKILL')
    const { stdout } = await ended
    assert.equal(stdout, '')
    assert.equal(box.read('d0/f0'), 'first 0')
    const next = box.verb(...exec(box.directory), ...sh('true'))
    assert.equal(next.code, 0, next.stderr)
    assert.deepEqual(box.copies(), [])
  })

  test(`killed while its program runs: the next start takes over what was done, and has it in its copy${as}`, async (t) => {
    const box = place(t, runner, 'killed-run')
    box.put('a', 'first')
    const { child, ended, said } = box.begin(
      ...exec(box.directory),
      ...sh('echo second > /workspace/a; printf done; read line'),
    )
    await said('done')
    child.kill('SIGKILL')
    await ended
    assert.equal(box.read('a'), 'first')
    const other = box.verb('workspace', 'list')
    assert.match(other.stdout, /unfinished/)
    const next = box.verb(...exec(box.directory), ...sh('cat /workspace/a'))
    assert.equal(next.stdout, 'second\n', next.stderr)
    assert.match(next.stderr, /0 added, 1 changed, 0 deleted, from an earlier copy/)
    assert.equal(box.read('a'), 'second\n')
    assert.deepEqual(box.copies(), [])
  })

  test(`killed while it takes changes over, again and again: in the end all of them are there, and every backup${as}`, async (t) => {
    const box = place(t, runner, 'killed-out')
    fill(box)
    const first = box.verb(...exec(box.directory, '--sync', 'no'), ...sh(changeAll))
    assert.equal(first.code, 0, first.stderr)
    const id = /sync (gbx-\w+)/.exec(first.stderr)?.[1] ?? ''
    const done = (): number => readdirSync(box.directory).filter((name) => name === 'new').length
    // The deletions come first: d29 is gone as soon as any file of another directory can be changed.
    for (const moment of [
      () => namesIn(path.join(box.home, 'state/backups')).length > 0,
      () => !existsSync(path.join(box.directory, 'd29/f29')),
    ]) {
      const { child, ended } = box.begin('workspace', 'sync', id, '--sync', 'yes')
      await eventually(() => (moment() || child.exitCode !== null ? true : undefined))
      child.kill('SIGKILL')
      await ended
      assert.equal(done(), 0, 'it was not in the middle of it')
    }
    assert.equal(box.copies().length, 1)
    const last = box.verb('workspace', 'sync', id, '--sync', 'yes')
    assert.equal(last.code, 0, last.stderr)
    assert.ok(!last.stderr.includes('not overwritten'), last.stderr)
    assert.equal(box.read('new'), 'new\n')
    assert.ok(!existsSync(path.join(box.directory, 'd29')))
    for (const index of [0, 1, 1000, 2998]) assert.equal(box.read(`d${index % 30}/f${index}`), 'second\n')
    const left = runner.spawnSync('find', [box.directory, '-name', '.glovebox*']).stdout
    assert.equal(left, '')
    assert.deepEqual(box.copies(), [])
  })

  test(`two at once keep each other's work, and what only one of them did is there${as}`, async (t) => {
    const box = place(t, runner, 'two')
    for (const name of ['a', 'b', 'both']) box.put(name, 'first')
    const work = (name: string): string =>
      `cd /workspace; echo ${name} > ${name}; echo ${name} > both; printf done; read line`
    const [one, two] = [
      box.begin(...exec(box.directory), ...sh(work('a'))),
      box.begin(...exec(box.directory), ...sh(work('b'))),
    ]
    for (const each of [one, two]) await each.said('done')
    one.child.stdin?.end('\n')
    assert.equal((await one.ended).code, 0)
    two.child.stdin?.end('\n')
    const { code, stderr } = await two.ended
    assert.equal(code, 0, stderr)
    assert.match(stderr, /both: changed here too/)
    assert.deepEqual(['a', 'b', 'both'].map(box.read), ['a\n', 'b\n', 'a\n'])
  })

  test(`a workspace that is gone, or another one by now, leaves the copy where it is${as}`, async (t) => {
    const box = place(t, runner, 'gone')
    box.put('a', 'first')
    const { child, ended, said } = box.begin(
      ...exec(box.directory),
      ...sh('echo second > /workspace/a; printf done; read line'),
    )
    await said('done')
    rmSync(box.directory, { recursive: true })
    child.stdin?.end('\n')
    const { code, stderr } = await ended
    assert.equal(code, 1)
    assert.match(stderr, /nothing is lost: .*\/files has them/)
    assert.deepEqual(copyFiles(box), ['a'])
  })
}
