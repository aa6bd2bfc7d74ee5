import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackupAbout, BackupFound } from './backup.ts'
import { chooseBackup } from './choose-backup.ts'

const backup = (name: string, workspace: string, more: Partial<BackupAbout> = {}): BackupFound => ({
  name,
  directory: `/backups/${name}`,
  about: {
    schema: 'glovebox/workspace-backup/1',
    workspace,
    inode: 1,
    id: 'gbx-1',
    server: 'x',
    atMs: 1,
    items: [],
    kept: [],
    ...more,
  },
})

test('without a name the newest backup of this directory is meant, and never that of another project', () => {
  const all = [backup('a1', '/a'), backup('a2', '/a'), backup('b1', '/b')]
  const chosen = (cwd: string) => chooseBackup(all, { name: undefined, which: 'before', cwd }).name
  assert.equal(chosen('/a'), 'a2')
  assert.equal(chosen('/a/src/deep'), 'a2')
  assert.equal(chosen('/b'), 'b1')
  for (const cwd of ['/', '/ab', '/home']) assert.throws(() => chosen(cwd), /there is no backup of/)
  assert.equal(chooseBackup(all, { name: 'b1', which: 'before', cwd: '/a' }).name, 'b1')
  assert.throws(() => chooseBackup(all, { name: 'c', which: 'before', cwd: '/a' }), /no backup "c"/)
})

test('one more restore goes one more sync back', () => {
  const all = [backup('s1', '/a'), backup('s2', '/a')]
  const next = () => chooseBackup(all, { name: undefined, which: 'before', cwd: '/a' }).name
  assert.equal(next(), 's2')
  all.push(backup('r1', '/a', { of: { which: 'before', name: 's2' } }))
  assert.equal(next(), 's1')
  all.push(backup('r2', '/a', { of: { which: 'before', name: 's1' } }))
  assert.throws(next, /has been put back/)
  all.push(backup('t1', '/a', { of: { which: 'kept', name: 's1' } }))
  assert.equal(next(), 't1')
})

test('what is taken is of the newest that has something aside', () => {
  const all = [backup('s1', '/a', { kept: ['x'] }), backup('s2', '/a')]
  const next = () => chooseBackup(all, { name: undefined, which: 'kept', cwd: '/a' }).name
  assert.equal(next(), 's1')
  all.push(backup('t1', '/a', { of: { which: 'kept', name: 's1' } }))
  assert.throws(next, /nothing that a sync/)
})
