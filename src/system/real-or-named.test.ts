import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { realOrNamed } from './real-places.ts'

test('what is not there yet is where it would be made, through links and those to nothing', (t) => {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'glovebox-real-')))
  t.after(() => rmSync(root, { recursive: true }))
  mkdirSync(path.join(root, 'dotfiles/config'), { recursive: true })
  symlinkSync('dotfiles/config', path.join(root, 'link'))
  symlinkSync('../../elsewhere', path.join(root, 'dotfiles/config/nowhere'))
  symlinkSync('circle', path.join(root, 'circle'))
  assert.equal(realOrNamed(path.join(root, 'link/glovebox')), path.join(root, 'dotfiles/config/glovebox'))
  assert.equal(realOrNamed(path.join(root, 'link/nowhere/state')), path.join(root, 'elsewhere/state'))
  assert.equal(realOrNamed(path.join(root, 'circle')), path.join(root, 'circle'))
})
