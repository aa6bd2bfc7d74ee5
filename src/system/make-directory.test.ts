import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { makeDirectory } from './make-directory.ts'

test('A directory is made for its owner alone, with those above it, and one that is there stays as it is.', () => {
  const above = mkdtempSync(path.join(tmpdir(), 'glovebox-made-'))
  try {
    const deep = path.join(above, 'a', 'b')
    makeDirectory(deep)
    const modeOf = (each: string): number => statSync(each).mode & 0o777
    assert.deepEqual([modeOf(path.dirname(deep)), modeOf(deep)], [0o700, 0o700])
    chmodSync(deep, 0o750)
    makeDirectory(deep)
    assert.equal(modeOf(deep), 0o750)
    makeDirectory(path.join(above, 'c'), 0o711)
    assert.equal(modeOf(path.join(above, 'c')), 0o711)
  } finally {
    rmSync(above, { recursive: true })
  }
})

test('What is there and is no directory is an error that says so; a link to a directory is one.', () => {
  const above = mkdtempSync(path.join(tmpdir(), 'glovebox-made-'))
  try {
    const [file, link, lost] = ['file', 'link', 'lost'].map((name) => path.join(above, name)) as [
      string,
      string,
      string,
    ]
    writeFileSync(file, '')
    symlinkSync(above, link)
    symlinkSync(path.join(above, 'nothing'), lost)
    makeDirectory(link)
    for (const each of [file, lost]) assert.throws(() => makeDirectory(each), { code: 'EEXIST', path: each })
    assert.throws(() => makeDirectory(path.join(file, 'below')), { code: 'ENOTDIR' })
  } finally {
    rmSync(above, { recursive: true })
  }
})

test('A file system that has nothing of that name and takes none is an error, and not tried for ever.', () => {
  assert.throws(() => makeDirectory('/proc/nothing/of/this'), { code: 'ENOENT' })
})
