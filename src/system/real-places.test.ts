import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { places } from './places.ts'
import { realOrNamed, realPlaces } from './real-places.ts'

test('places behind links are named by what the links lead to, also those that are not there yet', (t) => {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'glovebox-real-')))
  t.after(() => rmSync(root, { recursive: true }))
  mkdirSync(path.join(root, 'disk/glovebox'), { recursive: true })
  symlinkSync(path.join(root, 'disk'), path.join(root, 'share'))
  symlinkSync(root, path.join(root, 'home'))
  const at = realPlaces(places({ HOME: path.join(root, 'home'), XDG_DATA_HOME: path.join(root, 'home/share') }))
  assert.equal(at.data, path.join(root, 'disk/glovebox'))
  const cached = realPlaces(places({ HOME: root, XDG_CACHE_HOME: path.join(root, 'home/cache') }))
  assert.equal(cached.cache, path.join(root, 'cache/glovebox'))
})

test('what is not there yet is where it would be made, through links and those to nothing', (t) => {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'glovebox-real-')))
  t.after(() => rmSync(root, { recursive: true }))
  mkdirSync(path.join(root, 'dotfiles/config'), { recursive: true })
  symlinkSync('dotfiles/config', path.join(root, 'link'))
  symlinkSync('../../elsewhere', path.join(root, 'dotfiles/config/nowhere'))
  symlinkSync('circle', path.join(root, 'circle'))
  assert.equal(realOrNamed(path.join(root, 'link/glovebox')), path.join(root, 'dotfiles/config/glovebox'))
  assert.equal(realOrNamed(path.join(root, 'link/nowhere/state')), path.join(root, 'elsewhere/state'))
  symlinkSync('missing/../turns', path.join(root, 'turns'))
  for (const circle of ['circle', 'turns']) assert.equal(realOrNamed(path.join(root, circle)), path.join(root, circle))
})
