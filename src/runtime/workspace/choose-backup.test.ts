import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseBackup } from './choose-backup.ts'
import { backupFound as backup } from '../../../test/support/backup-found.ts'

test('without a name the newest backup of this directory is meant, and never that of another project', () => {
  const all = [backup('a1', '/a', ['x']), backup('a2', '/a', ['x']), backup('b1', '/b', ['x'])]
  const chosen = (cwd: string) => chooseBackup(all, { name: undefined, which: 'before', cwd }).backup.name
  assert.equal(chosen('/a'), 'a2')
  assert.equal(chosen('/a/src/deep'), 'a2')
  assert.equal(chosen('/b'), 'b1')
  for (const cwd of ['/', '/ab', '/home']) assert.throws(() => chosen(cwd), /there is no backup of/)
  assert.equal(chooseBackup(all, { name: 'b1', which: 'before', cwd: '/a' }).backup.name, 'b1')
  assert.throws(() => chooseBackup(all, { name: 'c', which: 'before', cwd: '/a' }), /no backup "c"/)
})

test('one more restore goes on with what is left, and then one more sync back', () => {
  const all = [backup('s1', '/a', ['x']), backup('s2', '/a', ['x', 'y'])]
  const next = () => chooseBackup(all, { name: undefined, which: 'before', cwd: '/a' })
  assert.deepEqual(named(next()), ['s2', 'x', 'y'])
  all.push(backup('r1', '/a', ['x'], { of: { which: 'before', name: 's2', done: ['x'] } }))
  assert.deepEqual(named(next()), ['s2', 'y'])
  all.push(backup('r2', '/a', ['y'], { of: { which: 'before', name: 's2', done: ['y'] } }))
  assert.deepEqual(named(next()), ['s1', 'x'])
  all.push(backup('r3', '/a', ['x'], { of: { which: 'before', name: 's1', done: ['x'] } }))
  assert.throws(next, /has been put back/)
  all.push(backup('t1', '/a', ['x'], { of: { which: 'kept', name: 's1', done: ['x'] } }))
  assert.deepEqual(named(next()), ['t1', 'x'])
})

test('a restore that was undone does not count, and one that was cut off neither', () => {
  const all = [backup('s1', '/a', ['x']), backup('s2', '/a', ['x'])]
  const next = () => chooseBackup(all, { name: undefined, which: 'before', cwd: '/a' })
  all.push(backup('r1', '/a', ['x'], { of: { which: 'before', name: 's2' } }))
  assert.deepEqual(named(next()), ['s2', 'x'])
  all.push(backup('r2', '/a', ['x'], { of: { which: 'before', name: 's2', done: ['x'] } }))
  assert.deepEqual(named(next()), ['s1', 'x'])
  all.push(backup('u1', '/a', ['x'], { of: { which: 'before', name: 'r2', done: ['x'] } }))
  assert.deepEqual(named(next()), ['s2', 'x'])
})

test('a sync that changed nothing is no step back', () => {
  const all = [backup('s1', '/a', ['x']), backup('s2', '/a', [], { kept: ['y'] })]
  assert.equal(chooseBackup(all, { name: undefined, which: 'before', cwd: '/a' }).backup.name, 's1')
})

test('with a name all of it is meant when all of it was done before, else what is left', () => {
  const all = [backup('s1', '/a', ['x', 'y'])]
  const next = () => chooseBackup(all, { name: 's1', which: 'before', cwd: '/' })
  all.push(backup('r1', '/a', ['x'], { of: { which: 'before', name: 's1', done: ['x'] } }))
  assert.deepEqual([named(next()), next().isAgain], [['s1', 'y'], false])
  all.push(backup('r2', '/a', ['y'], { of: { which: 'before', name: 's1', done: ['y'] } }))
  assert.deepEqual([named(next()), next().isAgain], [['s1', 'x', 'y'], true])
})

test('what is taken is of the newest that has something aside, and of one with a name only where it has', () => {
  const all = [backup('s1', '/a', ['z'], { kept: ['x'] }), backup('s2', '/a', ['z'])]
  const next = () => chooseBackup(all, { name: undefined, which: 'kept', cwd: '/a' })
  assert.deepEqual(named(next()), ['s1', 'x'])
  all.push(backup('t1', '/a', ['x'], { of: { which: 'kept', name: 's1', done: ['x'] } }))
  assert.throws(next, /nothing that a sync/)
  assert.throws(() => chooseBackup(all, { name: 's2', which: 'kept', cwd: '/a' }), /nothing is kept aside in "s2"/)
})

function named({ backup: { name }, paths }: ReturnType<typeof chooseBackup>): string[] {
  return [name, ...paths]
}
