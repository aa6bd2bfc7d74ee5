import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { GloveboxError } from '../../errors.ts'
import { inspectCommand } from './command.ts'
import { behindShim } from './shim.ts'

/** As pyenv-rehash writes them. */
const pyenvShim = `#!/usr/bin/env bash
set -e
[ -n "$PYENV_DEBUG" ] && set -x

program="\${0##*/}"

export PYENV_ROOT="/somewhere"
exec "/opt/pyenv/libexec/pyenv" exec "$program" "$@"
`

const asdfShim = `#!/usr/bin/env bash
# asdf-plugin: nodejs 20.1.0
# asdf-plugin: nodejs 22.0.0
exec /opt/asdf/bin/asdf exec "node" "$@" # asdf_allow: ' asdf '
`

let root = ''
before(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'glovebox-shim-')))
  for (const version of ['3.9.18', '3.12.1', '3.12.10', '3.13.0rc1', 'venv-of-mine'])
    put(`pyenv/versions/${version}/bin/python3`)
  put('pyenv/versions/3.9.18/bin/python3.9')
  for (const name of ['python3', 'python3.9', 'python4']) put(`pyenv/shims/${name}`, pyenvShim)
  put('bin/python3')
  for (const version of ['20.1.0', '22.0.0']) put(`asdf/installs/nodejs/${version}/bin/node`)
  put('asdf/shims/node', asdfShim)
  put('volta/bin/volta-shim')
  symlinkSync('volta-shim', join(root, 'volta/bin/node'))
  put('mise/bin/mise', 'ELF')
  mkdirSync(join(root, 'mise/shims'))
  symlinkSync('../bin/mise', join(root, 'mise/shims/node'))
})
after(() => rmSync(root, { recursive: true }))
beforeEach(() => {
  rmSync(join(root, 'work'), { recursive: true, force: true })
  for (const file of ['pyenv/version', 'home/.tool-versions']) rmSync(join(root, file), { force: true })
  mkdirSync(join(root, 'work/deep'), { recursive: true })
})

function put(path: string, text = '#!/bin/sh\n'): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text, { mode: 0o755 })
}

/** What a shim means, as a path below the root. */
function behind(shim: string, env: NodeJS.ProcessEnv = {}): string {
  const at = {
    cwd: join(root, 'work/deep'),
    env: { PATH: `${root}/${dirname(shim)}:${root}/bin`, ...env },
    home: join(root, 'home'),
  }
  return behindShim(join(root, shim), at).slice(root.length + 1)
}

function refused(work: () => unknown, message: RegExp, fix: RegExp): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof GloveboxError && error.code === 'NOT_FOUND')
    assert.match(error.message, message)
    assert.match(error.fix ?? '', fix)
    return true
  })
}

test('a shim of pyenv is the program of the version that the variable, the nearest file or the global one names', () => {
  assert.equal(behind('pyenv/shims/python3'), 'bin/python3', 'no version: that of the system')
  put('pyenv/version', '3.9.18\n')
  assert.equal(behind('pyenv/shims/python3'), 'pyenv/versions/3.9.18/bin/python3')
  put('work/.python-version', '# ours\n3.12.1  # for now\n')
  assert.equal(behind('pyenv/shims/python3'), 'pyenv/versions/3.12.1/bin/python3')
  put('work/deep/.python-version', 'venv-of-mine\n')
  assert.equal(behind('pyenv/shims/python3'), 'pyenv/versions/venv-of-mine/bin/python3')
  assert.equal(
    behind('pyenv/shims/python3', { PYENV_VERSION: '3.12' }),
    'pyenv/versions/3.12.10/bin/python3',
    'the newest',
  )
  assert.equal(behind('pyenv/shims/python3', { PYENV_VERSION: 'python-3.9' }), 'pyenv/versions/3.9.18/bin/python3')
  assert.equal(behind('pyenv/shims/python3', { PYENV_VERSION: '2.7:3.9.18' }), 'pyenv/versions/3.9.18/bin/python3')
  assert.equal(
    behind('pyenv/shims/python3.9', { PYENV_VERSION: '3.12.1:3.9.18' }),
    'pyenv/versions/3.9.18/bin/python3.9',
  )
  assert.equal(behind('pyenv/shims/python3', { PYENV_VERSION: 'system' }), 'bin/python3')
})

test('a version that is not there, or has no such program, is said with where it was said and what there is', () => {
  put('work/.python-version', '3.14\n')
  const file = /work\/\.python-version says "3\.14", and pyenv has no python3 in it/
  refused(() => behind('pyenv/shims/python3'), file, /3\.12\.1.*PYENV_VERSION=/)
  refused(
    () => behind('pyenv/shims/python3.9', { PYENV_VERSION: '3.12.1' }),
    /no python3\.9/,
    /\(3\.9\.18\): PYENV_VERSION=3\.9\.18/,
  )
  refused(() => behind('pyenv/shims/python4', { PYENV_VERSION: '3.12.1' }), /no python4/, /pyenv install/)
})

test('a file of an unknown project names nothing but what is installed', () => {
  put('evil/bin/python3')
  for (const name of ['../../evil', '..', '.', '/evil', `${root}/evil`, '3.12.1/../../../evil', '-x/../..']) {
    put('work/.python-version', `${name}\n`)
    assert.equal(behind('pyenv/shims/python3'), 'bin/python3', name)
    put('work/deep/.tool-versions', `nodejs ${name}\n`)
    refused(() => behind('asdf/shims/node'), /no version|there is none/, /ASDF_NODEJS_VERSION=22\.0\.0/)
  }
})

test('a file that has no end, or that nobody writes, keeps no start waiting', () => {
  put('pyenv/version', '3.9.18\n')
  symlinkSync('/dev/zero', join(root, 'work/.python-version'))
  assert.equal(spawnSync('mkfifo', [join(root, 'work/deep/.python-version')]).status, 0)
  assert.equal(behind('pyenv/shims/python3'), 'pyenv/versions/3.9.18/bin/python3')
  put('venv/bin/python3')
  assert.equal(spawnSync('mkfifo', [join(root, 'venv/pyvenv.cfg')]).status, 0)
  const options = { cwd: root, env: {}, home: join(root, 'home'), exec: null }
  assert.equal(inspectCommand([join(root, 'venv/bin/python3')], options).path, join(root, 'venv/bin/python3'))
})

test('a shim of asdf is the program of the version that .tool-versions names, here, above or at home', () => {
  refused(() => behind('asdf/shims/node'), /\.tool-versions, which there is none of/, /ASDF_NODEJS_VERSION=22\.0\.0/)
  put('home/.tool-versions', 'python 3.12.1\nnodejs 22.0.0\n')
  assert.equal(behind('asdf/shims/node'), 'asdf/installs/nodejs/22.0.0/bin/node')
  put('work/.tool-versions', 'nodejs 18.0.0 20.1.0 # either\n')
  assert.equal(behind('asdf/shims/node'), 'asdf/installs/nodejs/20.1.0/bin/node')
  assert.equal(behind('asdf/shims/node', { ASDF_NODEJS_VERSION: '22.0.0' }), 'asdf/installs/nodejs/22.0.0/bin/node')
})

test('a driver with programs of its own is told the shim, where nothing is behind it here', () => {
  const options = { cwd: root, env: { PATH: `${root}/volta/bin` }, home: join(root, 'home'), exec: null }
  const { argv } = inspectCommand(['node'], { ...options, hasOwnPrograms: true })
  assert.deepEqual(argv, ['node'])
  refused(() => inspectCommand(['node'], options), /shim of volta/, /which node/)
})

test('a manager that cannot be read is named, with what to write instead; what is no shim stays as it is', () => {
  refused(() => behind('volta/bin/node'), /shim of volta/, /"\$\(volta which node\)"/)
  refused(() => behind('mise/shims/node'), /shim of mise/, /"\$\(mise which node\)"/)
  assert.equal(behind('bin/python3'), 'bin/python3')
  put('other/shims/tool')
  assert.equal(behind('other/shims/tool'), 'other/shims/tool')
})
