import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { places as placesOf } from '../system/places.ts'
import { findDaemon } from './contact.ts'

test('what a killed daemon left is removed in our own directory alone, and nothing is made in another one', async (t) => {
  const home = mkdtempSync(path.join(tmpdir(), 'glovebox-contact-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const places = placesOf({ GLOVEBOX_HOME: home })
  const theirs = path.join(home, 'theirs')
  mkdirSync(theirs)
  writeFileSync(path.join(theirs, 'daemon.sock'), '')
  symlinkSync(theirs, places.runtime)
  await assert.rejects(findDaemon(places), { code: 'REFUSED' })
  assert.deepEqual(readdirSync(theirs), ['daemon.sock'])

  rmSync(places.runtime)
  mkdirSync(places.runtime, { mode: 0o700 })
  writeFileSync(path.join(places.runtime, 'daemon.sock'), '')
  assert.equal(await findDaemon(places), undefined)
  assert.deepEqual(readdirSync(places.runtime), ['daemon.lock'])
})
