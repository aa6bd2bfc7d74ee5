import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'

const compiled = path.resolve(import.meta.dirname, '../../bin/compiled.cjs')

/** A module that says which version it is, in a file of a length that never changes, and a place for what is compiled of it. */
function prepared(): { file: string; places: string; kept: () => string | undefined } {
  const base = fs.mkdtempSync(path.join(tmpdir(), 'glovebox-compiled-'))
  after(() => fs.rmSync(base, { recursive: true }))
  const [places, file] = [path.join(base, 'places'), path.join(base, 'module.cjs')]
  fs.mkdirSync(places)
  fs.writeFileSync(file, moduleThatSays('one'))
  const kept = (): string | undefined => fs.readdirSync(places).map((entry) => path.join(places, entry))[0]
  return { file, places, kept }
}

function moduleThatSays(word: 'one' | 'two'): string {
  const body = `exports.said = () => [${JSON.stringify(word)}, __filename, typeof require('node:fs').openSync]`
  return `(function (exports, require, module, __filename, __dirname) {${body}\n})`
}

interface Loaded {
  readonly said: readonly string[]
  /** Whether V8 took what was kept. */
  readonly wasKept: boolean
}

/** Loads the module in a process of its own, runs it, and keeps it unless it is kept. */
function load({ file, places }: { file: string; places: string }, flags: readonly string[] = []): Loaded {
  const script = `
    const { exports, keep } = require(${JSON.stringify(compiled)}).load(${JSON.stringify(file)}, ${JSON.stringify(places)}, { user: 'test' })
    const said = exports.said()
    keep?.()
    console.log(JSON.stringify({ said, wasKept: keep === undefined }))`
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' })
  assert.equal(stderr, '')
  return JSON.parse(stdout) as Loaded
}

test('What a start compiled is kept, for nobody else to read or write, and taken by the next.', () => {
  const place = prepared()
  const said = ['one', place.file, 'function']
  assert.deepEqual(load(place), { said, wasKept: false })
  assert.equal(fs.statSync(place.kept() ?? '').mode & 0o777, 0o600)
  assert.deepEqual(load(place), { said, wasKept: true })
  assert.equal(fs.readdirSync(place.places).length, 1)
})

test('A module that was changed runs as it is now, also where its length and its times are the same.', () => {
  const place = prepared()
  load(place)
  assert.ok(load(place).wasKept)
  const { atime, mtime } = fs.statSync(place.file)
  fs.writeFileSync(place.file, moduleThatSays('two'))
  fs.utimesSync(place.file, atime, mtime)
  const { said, wasKept } = load(place)
  assert.deepEqual([said[0], wasKept], ['two', false])
  assert.ok(load(place).wasKept)
})

test('What others may write, what is no file, and what is cut off or of other flags is not run, and made anew.', () => {
  const place = prepared()
  load(place)
  const kept = place.kept() ?? assert.fail('nothing was kept')
  const spoil: readonly (() => void)[] = [
    () => fs.chmodSync(kept, 0o666),
    () => fs.writeFileSync(kept, fs.readFileSync(kept).subarray(0, -200)),
    () => fs.writeFileSync(kept, ''),
    () => {
      const elsewhere = `${place.file}.elsewhere`
      fs.writeFileSync(elsewhere, fs.readFileSync(kept), { mode: 0o600 })
      fs.rmSync(kept)
      fs.symlinkSync(elsewhere, kept)
    },
  ]
  for (const act of spoil) {
    act()
    const { said, wasKept } = load(place)
    assert.deepEqual([said[0], wasKept], ['one', false], act.toString())
    assert.ok(load(place).wasKept, act.toString())
  }
  assert.ok(!load(place, ['--no-opt']).wasKept)
})

test('Where nothing can be kept, the module runs all the same.', () => {
  const { file } = prepared()
  const nowhere = { file, places: `${file} is not there` }
  assert.deepEqual([load(nowhere).said[0], load(nowhere).wasKept], ['one', false])
})
