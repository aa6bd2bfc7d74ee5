import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { configHome } from '../../test/support/config-home.ts'
import { GloveboxError } from '../errors.ts'
import { findProjectFile } from './find.ts'
import { maxFileBytes, positionAt, readSource, readSourceIfThere } from './source.ts'

const home = configHome()
after(home.remove)

const refuses = (file: string, why: RegExp): void =>
  assert.throws(
    () => readSource(file),
    (error) => error instanceof GloveboxError && error.code === 'POLICY_INVALID' && why.test(error.message),
  )

test('what is no text of a sane size is not read', () => {
  const fifo = path.join(home.root, 'fifo.json')
  execFileSync('mkfifo', [fifo])
  refuses(fifo, /it is not a file/)
  refuses(home.root, /it is not a file|EISDIR/)
  refuses(home.put('big.json', ' '.repeat(maxFileBytes + 1)), /bytes/)
  const wrong = path.join(home.root, 'latin1.json')
  writeFileSync(wrong, Buffer.from('{\n  "a": "\xfcber"}', 'latin1'))
  refuses(wrong, /latin1\.json:2:9: these bytes are not UTF-8/)
})

test('a file that is not there is told apart from one that cannot be read', () => {
  assert.equal(readSourceIfThere(path.join(home.root, 'missing.json')), undefined)
  assert.equal(readSourceIfThere(path.join(home.put('plain.json', '{}'), 'below')), undefined)
  assert.throws(() => readSourceIfThere(home.root), GloveboxError)
  assert.equal(readSourceIfThere(home.put('there.json', '{}'))?.text, '{}')
})

test('lines and columns count from one, by the line breaks of every system', () => {
  const text = 'a\nbc\r\nd\re'
  assert.deepEqual(positionAt(text, 0), { line: 1, column: 1 })
  assert.deepEqual(positionAt(text, 3), { line: 2, column: 2 })
  assert.deepEqual(positionAt(text, 6), { line: 3, column: 1 })
  assert.deepEqual(positionAt(text, 8), { line: 4, column: 1 })
  assert.deepEqual(positionAt('\u{FEFF}ab', 2), { line: 1, column: 2 })
})

test('the nearest configuration upwards is the project’s, and the user’s directory is no project', () => {
  const deep = path.join(home.project, 'a', 'b')
  mkdirSync(deep, { recursive: true })
  const file = home.put('project/glovebox.toml', '')
  assert.equal(findProjectFile(deep, home.user)?.path, file)
  const nearer = home.put('project/a/glovebox.yaml', '')
  assert.equal(findProjectFile(deep, home.user)?.path, nearer)
  home.put('places/config/glovebox.json', '{}')
  mkdirSync(path.join(home.user, 'sub'))
  assert.equal(findProjectFile(path.join(home.user, 'sub'), home.user), undefined)
  symlinkSync(home.user, path.join(home.root, 'link'))
  assert.equal(findProjectFile(path.join(home.root, 'link'), home.user), undefined)
})

test('two spellings in one directory are an error that names both', () => {
  home.put('two/glovebox.json', '{}')
  home.put('two/glovebox.yaml', '')
  assert.throws(
    () => findProjectFile(path.join(home.root, 'two'), home.user),
    /glovebox\.json and glovebox\.yaml are both there/,
  )
})
