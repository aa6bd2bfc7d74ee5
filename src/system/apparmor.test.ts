import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { GloveboxError } from '../errors.ts'
import { forbid, isRestricted, permit, permittedCopy, profileText, type AppArmorPlaces } from './apparmor.ts'

function host(): AppArmorPlaces & { readonly root: string; readonly binary: string } {
  const root = mkdtempSync(path.join(tmpdir(), 'glovebox-apparmor-'))
  mkdirSync(path.join(root, 'apparmor.d'))
  const binary = path.join(root, 'binary')
  writeFileSync(binary, 'program')
  chmodSync(binary, 0o755)
  return {
    root,
    binary,
    sysctl: path.join(root, 'sysctl'),
    copy: path.join(root, 'libexec/glovebox/glovebox-inside'),
    profile: path.join(root, 'apparmor.d/glovebox-inside'),
    parser: path.join(root, 'no-parser'),
  }
}

test('a host is restricted when its kernel says so, and not where it knows nothing of it', () => {
  const places = host()
  assert.equal(isRestricted(places), false)
  writeFileSync(places.sysctl, '0\n')
  assert.equal(isRestricted(places), false)
  writeFileSync(places.sysctl, '1\n')
  assert.equal(isRestricted(places), true)
  rmSync(places.root, { recursive: true })
})

test('only a copy of the very same program is used', () => {
  const places = host()
  assert.equal(permittedCopy(places.binary, places), undefined)
  mkdirSync(path.dirname(places.copy), { recursive: true })
  writeFileSync(places.copy, 'PROGRAM')
  assert.equal(permittedCopy(places.binary, places), undefined)
  writeFileSync(places.copy, 'program')
  assert.equal(permittedCopy(places.binary, places), places.copy)
  rmSync(places.root, { recursive: true })
})

test('the profile names the copy, and gives it the one right', () => {
  const text = profileText()
  assert.match(
    text,
    /^profile glovebox-inside \/usr\/local\/libexec\/glovebox\/glovebox-inside flags=\(unconfined\) \{$/m,
  )
  assert.match(text, /^ {2}userns,$/m)
})

test('where the profile cannot be loaded, none is left, and the reason is told', async () => {
  const places = host()
  await assert.rejects(
    permit(places.binary, places),
    (error) => error instanceof GloveboxError && error.code === 'HOST_CANNOT',
  )
  assert.equal(existsSync(places.profile), false)
  assert.equal(statSync(places.copy).mode & 0o777, 0o755)
  assert.equal((await forbid(places)).length, 1)
  assert.equal(existsSync(places.copy), false)
  assert.equal(readFileSync(places.binary, 'utf8'), 'program')
  rmSync(places.root, { recursive: true })
})
