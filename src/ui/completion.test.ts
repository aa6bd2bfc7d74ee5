import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { describeVerbs } from '../cli-verbs.ts'
import { completionScript } from './completion.ts'

const script = completionScript('bash', await describeVerbs())

/** What the verbs print that the script asks for names. */
const known = {
  'list --names': ['files', 'fetch', '$(touch expanded)'],
  'status --names': ['files', 'two words'],
  'tools files --launched --names': ['read_file', 'read_link', '`touch expanded`'],
}

/** What bash itself offers behind these words, in a directory with one file. */
function offered(context: TestContext, ...words: string[]): string[] {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-completion-'))
  context.after(() => rmSync(directory, { recursive: true }))
  writeFileSync(path.join(directory, 'notes.txt'), '')
  const printed = Object.entries(known).map(
    ([asked, names]) => `[ "$*" != '${asked}' ] || printf '%s\\n' '${names.join("' '")}'`,
  )
  mkdirSync(path.join(directory, 'bin'))
  writeFileSync(path.join(directory, 'bin/glovebox'), `#!/bin/sh\n${printed.join('\n')}\n`, { mode: 0o755 })
  const asked = `${script}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _glovebox; printf '%s\\n' "\${COMPREPLY[@]:-}"`
  // A bash whose input is a socket takes itself for one of rshd, and reads the machine's own start-up file.
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-uc', asked, 'bash', 'glovebox', ...words], {
    cwd: directory,
    env: { ...process.env, PATH: `${directory}/bin:${process.env['PATH']}` },
    encoding: 'utf8',
  })
  assert.deepEqual([status, stderr], [0, ''])
  assert.ok(!existsSync(path.join(directory, 'expanded')), 'a name is nothing that a shell runs')
  return stdout.split('\n').filter((word) => word !== '')
}

test('verbs are offered first, and what begins as the word does', (context) => {
  assert.deepEqual(offered(context, 'tem'), ['template'])
  assert.ok(offered(context, '').includes('run'))
  assert.ok(!offered(context, '').includes('notes.txt'))
})

test('a verb below another has options of its own', (context) => {
  assert.deepEqual(offered(context, 'policy', 'lea'), ['learn'])
  assert.deepEqual(offered(context, 'policy', 'learn', '--outp'), ['--output'])
  assert.deepEqual(offered(context, 'policy', '--outp'), [])
  assert.deepEqual(offered(context, 'audit', 'tail', '--foll'), ['--follow'])
})

test('what an option may be is offered, and files where that is not known', (context) => {
  assert.deepEqual(offered(context, 'run', '--driver', ''), ['jail', 'microvm'])
  assert.deepEqual(offered(context, 'run', '--accel', 'k'), ['kvm'])
  assert.deepEqual(offered(context, 'run', '--read', 'no'), ['notes.txt'])
})

test('names of servers are offered where they are meant, and files where none begins like that', (context) => {
  assert.deepEqual(offered(context, 'show', 'f'), ['files', 'fetch'])
  assert.deepEqual(offered(context, 'stop', 'files', 't'), ['two words'])
  assert.deepEqual(offered(context, 'call', 'fi'), ['files', 'files'])
  assert.deepEqual(offered(context, 'remove', '$'), ['$(touch expanded)'])
  assert.deepEqual(offered(context, 'run', '--read', '/', 'no'), ['notes.txt'])
  assert.ok(offered(context, 'run', '').includes('$(touch expanded)'))
  assert.deepEqual(offered(context, 'run', '--', 'fi'), [])
  assert.deepEqual(offered(context, 'completion', 'z'), ['zsh'])
})

test('tools of a launched server are offered behind its name, and nothing is started for them', (context) => {
  assert.deepEqual(offered(context, 'call', 'files', 're'), ['read_file', 'read_link'])
  assert.deepEqual(offered(context, 'call', 'files', '`'), ['`touch expanded`'])
  assert.deepEqual(offered(context, 'call', 'fetch', 'no'), ['notes.txt'])
  assert.deepEqual(offered(context, 'call', 'files', 'read_file', 'no'), ['notes.txt'])
  assert.deepEqual(offered(context, 'call', '--json', 'fi'), ['files', 'files'])
})

test('behind the dashes all words are the program’s', (context) => {
  assert.deepEqual(offered(context, 'run', '--', '--dri'), [])
  assert.deepEqual(offered(context, 'run', '--', 'node', 'no'), ['notes.txt'])
})
