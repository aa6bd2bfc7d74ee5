import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { qemuAt } from './find.ts'

const ofUser = (path: string): string[] =>
  qemuAt(path, '9.0.0').mounts.flatMap(({ owner, target }) => (owner === 'user' ? [target] : []))

test('a QEMU of somebody is shown itself, and nothing of the home that it lies in', () => {
  for (const prefix of [realpathSync(homedir()), dirname(homedir())]) {
    const path = join(prefix, 'bin/qemu-system-x86_64')
    assert.deepEqual(ofUser(path), [path])
  }
})

test('a QEMU that was installed into a prefix is shown what was installed with it', (context) => {
  const prefix = realpathSync(mkdtempSync(join(tmpdir(), 'glovebox-prefix-')))
  context.after(() => rmSync(prefix, { recursive: true }))
  for (const name of ['bin', 'lib', 'share/qemu', 'share/secrets', 'documents']) {
    mkdirSync(join(prefix, name), { recursive: true })
  }
  symlinkSync('documents', join(prefix, 'lib64'))
  const path = join(prefix, 'bin/qemu-system-x86_64')
  assert.deepEqual(ofUser(path), [path, join(prefix, 'lib'), join(prefix, 'share/qemu')])
})

test('a QEMU of the system is shown nothing else', () => {
  assert.deepEqual(ofUser('/usr/bin/qemu-system-x86_64'), [])
})
