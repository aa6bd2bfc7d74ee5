import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { projectRoot } from '../support/readable-tree.ts'

const program = path.join(projectRoot, 'bin/glovebox.cjs')

for (const words of [['exec', '--', 'true'], ['run', '--', 'cat'], ['doctor']]) {
  test(`A home that cannot be made is an error with what helps, and not tried for ever: ${words[0]}.`, () => {
    const env = { PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin`, GLOVEBOX_HOME: '/proc/nothing/of/this' }
    const { status, signal, stderr } = spawnSync(process.execPath, [program, ...words], {
      env,
      input: '',
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.equal(signal, null, 'it was tried for a minute')
    assert.equal(status, 1, stderr)
    assert.match(stderr, /\/proc\/nothing/)
    assert.match(stderr, /^ {2}fix: .*GLOVEBOX_HOME/m)
  })
}
