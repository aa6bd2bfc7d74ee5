import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createFile, requireCreatable } from './create-file.ts'

test('a file is made where none is; what is in the way is said before work is done and when it is written', (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'glovebox-create-'))
  t.after(() => rmSync(root, { recursive: true }))
  const at = (name: string): string => path.join(root, name)
  writeFileSync(at('file'), 'mine')
  symlinkSync('nothing', at('link'))
  const refused = [
    ['file', /file is there already/],
    // Somebody's too, though it leads nowhere.
    ['link', /link is there already/],
    ['file/below', /file\/below: cannot be written: .*ENOTDIR/],
    ['nowhere/file', /nowhere\/file: cannot be written: .*ENOENT/],
  ] as const
  for (const [name, message] of refused) {
    for (const attempt of [() => requireCreatable(at(name)), () => createFile(at(name), 'ours')])
      assert.throws(attempt, { code: 'FAILED', message })
  }
  requireCreatable(at('new'))
  createFile(at('new'), 'ours')
  assert.equal(readFileSync(at('new'), 'utf8'), 'ours')
  assert.equal(readFileSync(at('file'), 'utf8'), 'mine')
})
