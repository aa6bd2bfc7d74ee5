import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { completed, type Lock } from './lock.ts'

test('Every optional package of a locked one is in the lock file, for whatever platform it is.', () => {
  const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as Lock
  assert.deepEqual(completed(lock).added, [], 'node tools/complete-lock.ts adds them')
})

test('What npm left out is added with the platform that its name says.', () => {
  const tool = {
    version: '1.0.0',
    dev: true,
    optionalDependencies: { '@t/linux-x64-musl': '1.0.0', '@t/darwin-arm64': '1.0.0' },
  }
  const { lock, added } = completed({
    packages: { 'node_modules/tool': tool, 'node_modules/@t/darwin-arm64': { version: '1.0.0' } },
  })
  assert.deepEqual(added, ['node_modules/@t/linux-x64-musl'])
  const musl = lock.packages['node_modules/@t/linux-x64-musl']
  assert.deepEqual(musl, { version: '1.0.0', cpu: ['x64'], dev: true, libc: ['musl'], optional: true, os: ['linux'] })
})
