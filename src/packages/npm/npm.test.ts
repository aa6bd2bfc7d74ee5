import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { GloveboxError } from '../../errors.ts'
import { chooseVersion } from './choose-version.ts'
import { chooseExecutable, findExecutables } from './executables.ts'
import { readLock } from './lock.ts'
import { parseNpmSpec } from './spec.ts'

const there = { versions: ['1.0.0', '1.2.0', '2.0.0', '3.0.0-beta.1'], tags: { latest: '1.2.0', next: '3.0.0-beta.1' } }
const choose = (text: string): string => chooseVersion(parseNpmSpec(text), there)

test('versions are chosen as npm does: latest wins inside a range, prereleases only when asked for', () => {
  assert.equal(choose('a'), '1.2.0')
  assert.equal(choose('a@*'), '1.2.0')
  assert.equal(choose('a@>=1'), '1.2.0')
  assert.equal(choose('a@2'), '2.0.0')
  assert.equal(choose('a@next'), '3.0.0-beta.1')
  assert.equal(choose('a@1.0.0'), '1.0.0')
  assert.equal(choose('a@v1.0.0'), '1.0.0')
  assert.equal(choose('a@~1.0'), '1.0.0')
  for (const none of ['a@4', 'a@nightly', 'a@1.0.1', 'a@__proto__', 'a@constructor'])
    assert.throws(() => choose(none), /no version or tag .*; the latest is 1\.2\.0/)
})

const sound = { version: '1.0.0', integrity: 'sha512-AAAA' }

test('a lock is read when all of it comes from a registry with a hash', () => {
  const entries = readLock({
    packages: {
      '': {},
      'node_modules/b': sound,
      'node_modules/@s/a/node_modules/alias': { ...sound, name: 'real', hasInstallScript: true },
      'node_modules/b/node_modules/bundled': { version: '1.0.0', inBundle: true },
    },
  })
  assert.deepEqual(
    entries.map(({ path, name, scripts }) => [path, name, scripts]),
    [
      ['node_modules/@s/a/node_modules/alias', 'real', true],
      ['node_modules/b', 'b', false],
      ['node_modules/b/node_modules/bundled', 'bundled', false],
    ],
  )
})

test('a lock with anything else is refused by name', () => {
  const refused: Readonly<Record<string, object>> = {
    'node_modules/git': { ...sound, resolved: 'git+ssh://git@github.com/x/git.git#abc' },
    'node_modules/link': { link: true, resolved: '../elsewhere' },
    'node_modules/bare': { version: '1.0.0' },
    'node_modules/weak': { version: '1.0.0', integrity: 'sha1-AAAA' },
    '../outside': sound,
    'node_modules/../outside': sound,
    packages: sound,
    'node_modules/said-to-be-bundled': { version: '1.0.0', inBundle: true },
  }
  for (const [where, locked] of Object.entries(refused)) {
    assert.throws(
      () => readLock({ packages: { [where]: locked } }),
      (error) => error instanceof GloveboxError && error.code === 'REFUSED' && error.fix !== undefined,
      where,
    )
  }
})

test('executables are started by what their first line names, and never from outside their package', () => {
  const tree = mkdtempSync(path.join(tmpdir(), 'glovebox-executables-'))
  try {
    const put = (file: string, text: string): void => {
      const full = path.join(tree, 'node_modules/@s/pkg', file)
      mkdirSync(path.dirname(full), { recursive: true })
      writeFileSync(full, text)
    }
    put('node', '#!/usr/bin/env node\n')
    put('flags', '#!/usr/bin/env -S node --no-warnings --x=1\r\n')
    put('direct', '#! /usr/local/bin/node\n')
    put('plain.mjs', 'export {}\n')
    put('shell', '#!/bin/sh\n')
    put('native', '\u007fELF')
    const names = ['node', 'flags', 'direct', 'plain.mjs', 'shell', 'native', 'missing']
    const bin = Object.fromEntries([...names.map((name) => [name, `./${name}`]), ['out', '../../../etc/passwd']])
    put('package.json', JSON.stringify({ bin }))
    const found = findExecutables(tree, [{ name: '@s/pkg', version: '1', requires: '' }])
    assert.deepEqual(
      Object.entries(found).map(([name, { interpreterArgs }]) => [name, interpreterArgs]),
      [
        ['node', []],
        ['flags', ['--no-warnings', '--x=1']],
        ['direct', []],
        ['plain.mjs', []],
        ['shell', null],
        ['native', null],
      ],
    )
  } finally {
    rmSync(tree, { recursive: true })
  }
})

test('the executable is the named one, the only one, or the one with the name of the package', () => {
  const one = (name: string, file: string = name) =>
    [name, { package: '@s/pkg', path: file, interpreterArgs: [] }] as const
  const choosePath = (list: readonly (readonly [string, object])[], name?: string): string | undefined =>
    chooseExecutable(Object.fromEntries(list) as Parameters<typeof chooseExecutable>[0], name, '@s/pkg')?.path
  assert.equal(choosePath([one('any')]), 'any')
  assert.equal(choosePath([one('a'), one('pkg')]), 'pkg')
  assert.equal(choosePath([one('a', 'same'), one('b', 'same')]), 'same')
  assert.equal(choosePath([one('a'), one('b')]), undefined)
  assert.equal(choosePath([one('a'), one('b')], 'b'), 'b')
  assert.equal(choosePath([one('a')], 'toString'), undefined)
  assert.equal(choosePath([]), undefined)
})
