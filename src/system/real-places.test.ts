import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { places } from './places.ts'
import { realPlaces } from './real-places.ts'

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
