import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { PlanMount } from '../policy/plan.ts'
import { unseenArguments } from './unseen-arguments.ts'

test('what an argument names here and the sandbox does not have is told', (t) => {
  const cwd = mkdtempSync(path.join(tmpdir(), 'glovebox-unseen-'))
  t.after(() => rmSync(cwd, { recursive: true }))
  mkdirSync(path.join(cwd, 'notes'))
  writeFileSync(path.join(cwd, 'notes/a.md'), '')
  const notes = path.join(cwd, 'notes')
  const mount = (target: string): PlanMount => ({
    source: target,
    target,
    access: 'read',
    exec: false,
    owner: 'user',
    why: '',
  })
  const unseen = (args: string[], inside: string, ...targets: string[]) =>
    unseenArguments(
      { command: { path: 'cat', argv: ['cat', ...args], cwd: inside, env: {} }, mounts: targets.map(mount) },
      cwd,
    )
  assert.deepEqual(unseen(['notes/a.md', 'notes', 'nothing', '-n', ''], '/'), ['notes/a.md', 'notes'])
  assert.deepEqual(unseen([path.join(notes, 'a.md'), '/usr/bin'], '/', '/usr', notes), [])
  assert.deepEqual(unseen(['notes/a.md'], cwd, notes), [])
  assert.deepEqual(unseen(['notes/a.md'], '/', notes), ['notes/a.md'])
})
