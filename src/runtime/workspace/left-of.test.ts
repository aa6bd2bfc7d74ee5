import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backupFound as backup } from '../../../test/support/backup-found.ts'
import type { BackupFound, WhichBackup } from './backup.ts'
import { isOfRestore, leftOf } from './left-of.ts'

function left(all: readonly BackupFound[], name: string, which: WhichBackup = 'before'): string {
  const meant = all.find((each) => each.name === name)
  assert.ok(meant !== undefined)
  return leftOf(meant, which, all).join()
}

test('what several restores have done of a sync is done, each its part', () => {
  const all = [backup('s', '/a', ['x', 'y', 'z'])]
  assert.equal(left(all, 's'), 'x,y,z')
  all.push(backup('r1', '/a', ['x'], { of: { which: 'before', name: 's', done: ['x'] } }))
  assert.equal(left(all, 's'), 'y,z')
  // Nothing had to be done for z, which counts too.
  all.push(backup('r2', '/a', ['y'], { of: { which: 'before', name: 's', done: ['y', 'z'] } }))
  assert.equal(left(all, 's'), '')
})

test('what was undone of a restore is left again, and not when that was undone in turn', () => {
  const all = [backup('s', '/a', ['x', 'y'])]
  all.push(backup('r', '/a', ['x', 'y'], { of: { which: 'before', name: 's', done: ['x', 'y'] } }))
  all.push(backup('u', '/a', ['x'], { of: { which: 'before', name: 'r', done: ['x'] } }))
  assert.equal(left(all, 's'), 'x')
  assert.equal(left(all, 'r'), 'y')
  all.push(backup('v', '/a', ['x'], { of: { which: 'before', name: 'u', done: ['x'] } }))
  assert.equal(left(all, 's'), '')
})

test('what a restore was refused and somebody took after all is put back, until that is undone', () => {
  const all = [backup('s', '/a', ['x', 'y'])]
  const refused = { which: 'before', name: 's' } as const
  all.push(backup('r1', '/a', ['x'], { of: { ...refused, done: ['x'] }, kept: ['y'] }))
  all.push(backup('r2', '/a', [], { of: { ...refused, done: [] }, kept: ['y'] }))
  assert.equal(left(all, 'r1', 'kept'), 'y')
  all.push(backup('t', '/a', ['y'], { of: { which: 'kept', name: 'r2', done: ['y'] } }))
  assert.equal(left(all, 's'), '')
  // It is not offered once more by the other attempt.
  for (const name of ['r1', 'r2']) assert.equal(left(all, name, 'kept'), '')
  all.push(backup('u', '/a', ['y'], { of: { which: 'before', name: 't', done: ['y'] } }))
  assert.equal(left(all, 's'), 'y')
  assert.equal(left(all, 'r1', 'kept'), 'y')
})

test('what was taken of a restore belongs to it, and what was taken of a sync does not', () => {
  const all = [backup('s', '/a', ['x'], { kept: ['z'] })]
  all.push(backup('r', '/a', [], { of: { which: 'before', name: 's', done: [] }, kept: ['x'] }))
  all.push(backup('t', '/a', ['x'], { of: { which: 'kept', name: 'r', done: ['x'] } }))
  all.push(backup('n', '/a', ['z'], { of: { which: 'kept', name: 's', done: ['z'] } }))
  assert.deepEqual(
    all.map((each) => isOfRestore(each, all)),
    [false, true, true, false],
  )
})
