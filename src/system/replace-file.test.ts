import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { replaceFile } from './replace-file.ts'

const root = mkdtempSync(path.join(os.tmpdir(), 'glovebox-replace-'))
after(() => rmSync(root, { recursive: true, force: true }))

function file(name: string, text: string, mode: number = 0o640): string {
  const found = path.join(root, name)
  writeFileSync(found, text)
  chmodSync(found, mode)
  return found
}

test('a file is replaced with its mode, after a copy of what was there', () => {
  const target = file('a.json', 'old')
  const { backup } = replaceFile(target, { before: 'old', after: 'new' }, { mode: 0o600 })
  assert.equal(readFileSync(target, 'utf8'), 'new')
  assert.equal(statSync(target).mode & 0o777, 0o640)
  assert.match(path.basename(backup ?? ''), /^a\.json\.\d{8}T\d{6}Z\.bak$/)
  assert.equal(readFileSync(backup ?? '', 'utf8'), 'old')
  assert.equal(statSync(backup ?? '').mode & 0o777, 0o640)
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('.')),
    [],
    'nothing else is left',
  )
})

test('two edits in one second keep two copies', () => {
  const target = file('twice.json', '1')
  const first = replaceFile(target, { before: '1', after: '2' }, { mode: 0o600 })
  const second = replaceFile(target, { before: '2', after: '3' }, { mode: 0o600 })
  assert.notEqual(first.backup, second.backup)
  assert.equal(readFileSync(second.backup ?? '', 'utf8'), '2')
})

test('a file that is not there yet is made, with its directory and the mode that is asked for', () => {
  const target = path.join(root, 'deep', 'er', 'b.json')
  assert.deepEqual(replaceFile(target, { before: undefined, after: 'x' }, { mode: 0o600 }), { backup: undefined })
  assert.equal(statSync(target).mode & 0o777, 0o600)
})

test('behind a link the file is replaced, and the link stays', () => {
  const target = file('real.json', 'old')
  const link = path.join(root, 'link.json')
  symlinkSync(target, link)
  replaceFile(link, { before: 'old', after: 'new' }, { mode: 0o600 })
  assert.ok(lstatSync(link).isSymbolicLink())
  assert.equal(readFileSync(target, 'utf8'), 'new')
})

test('what somebody else wrote meanwhile is not lost', () => {
  const target = file('raced.json', 'theirs')
  assert.throws(
    () => replaceFile(target, { before: 'ours', after: 'new' }, { mode: 0o600 }),
    /changed by somebody else/,
  )
  assert.throws(
    () => replaceFile(target, { before: undefined, after: 'new' }, { mode: 0o600 }),
    /changed by somebody else/,
  )
  assert.equal(readFileSync(target, 'utf8'), 'theirs')
})

test('a lock of a process that is gone is taken over, one of a living process is kept', async () => {
  const target = file('locked.json', 'old')
  const lock = path.join(root, '.locked.json.lock')
  const child = spawn(process.execPath, ['-e', ''])
  await new Promise((resolve) => child.once('exit', resolve))
  writeFileSync(lock, `${child.pid}\n`)
  replaceFile(target, { before: 'old', after: 'new' }, { mode: 0o600 })
  assert.equal(existsSync(lock), false)
  writeFileSync(lock, `${process.ppid}\n`)
  assert.throws(
    () => replaceFile(target, { before: 'new', after: 'newer' }, { mode: 0o600 }),
    /another glovebox is changing it/,
  )
  assert.equal(readFileSync(target, 'utf8'), 'new')
  assert.equal(existsSync(lock), true)
})
