import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'

const bin = path.resolve(import.meta.dirname, '../../bin/glovebox.cjs')

interface Told {
  exitCode: number | undefined
  stderr: string
  required: string[]
}

/** Runs the stub as the script that it is, in a process that says it is of this version. */
function startWith(version: string): Told {
  const told: Told = { exitCode: undefined, stderr: '', required: [] }
  const fake = {
    versions: { node: version },
    version: `v${version}`,
    execPath: '/usr/bin/node',
    stderr: { write: (text: string) => (told.stderr += text) },
    exitCode: undefined as number | undefined,
  }
  const script = readFileSync(bin, 'utf8').replace(/^#!.*/, '')
  runInNewContext(script, { process: fake, require: (name: string) => told.required.push(name) })
  told.exitCode = fake.exitCode
  return told
}

test('A Node that is too old is told so in one sentence, with exit code 3, and nothing newer is loaded.', () => {
  for (const version of ['12.22.12', '18.20.8', '22.23.0']) {
    const { exitCode, stderr, required } = startWith(version)
    assert.equal(exitCode, 3)
    assert.match(stderr, new RegExp(`needs Node 24 or newer, and this is v${version} `))
    assert.match(stderr, /^fix: /m)
    assert.deepEqual(required, [])
  }
})

test('A Node that is new enough starts the program.', () => {
  assert.deepEqual(startWith('24.0.0').required, ['./start.cjs'])
})

test('The stub has nothing in it that a Node of 2015 could not parse.', () => {
  const text = readFileSync(bin, 'utf8')
  assert.doesNotMatch(text, /=>|\bconst\b|\blet\b|`[^`]*\$\{|import\(|\?\.|\?\?|async/)
})

test('Compiled code is kept in the own cache directory, and nowhere where the directory is not ours.', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'glovebox-bin-'))
  try {
    const start = (env: NodeJS.ProcessEnv): void => {
      const run = spawnSync(process.execPath, [bin, '--version'], { env, encoding: 'utf8' })
      assert.equal(run.status, 0, run.stderr)
      assert.match(run.stdout, /^\d+\.\d+\.\d+\n$/)
    }
    start({ HOME: home, TMPDIR: home })
    assert.ok(existsSync(path.join(home, '.cache/glovebox/compiled')))
    assert.ok(!existsSync(path.join(home, 'node-compile-cache')))
    start({ HOME: '/nonexistent', TMPDIR: home })
    assert.ok(!existsSync(path.join(home, 'node-compile-cache')))
  } finally {
    rmSync(home, { recursive: true })
  }
})
