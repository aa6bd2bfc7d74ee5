import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileIn } from './find.ts'
import { configFileNames, spellingOf } from './spelling.ts'

test('a configuration is found by every name that it may have, and two in one directory are an error', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-find-'))
  t.after(() => rmSync(directory, { recursive: true }))
  assert.equal(fileIn(directory), undefined)
  for (const name of configFileNames) {
    const file = path.join(directory, name)
    writeFileSync(file, '')
    assert.equal(fileIn(directory)?.path, file)
    assert.doesNotThrow(() => spellingOf(file))
    rmSync(file)
  }
  for (const name of ['glovebox.yml', 'glovebox.yaml']) writeFileSync(path.join(directory, name), '')
  assert.throws(() => fileIn(directory), /glovebox\.yaml and glovebox\.yml are both there/)
})
