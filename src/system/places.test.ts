import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { ordinaryUser } from '../../test/support/as-user.ts'
import { places } from './places.ts'

test('GLOVEBOX_HOME moves all places, and XDG variables each their own.', () => {
  assert.deepEqual(places({ GLOVEBOX_HOME: '/g' }), {
    config: '/g/config',
    state: '/g/state',
    audit: '/g/state/audit',
    data: '/g/data',
    cache: '/g/cache',
    runtime: '/g/runtime',
  })
  assert.equal(places({ XDG_STATE_HOME: '/s' }).audit, '/s/glovebox/audit')
  assert.equal(places({ XDG_RUNTIME_DIR: '/r' }).runtime, '/r/glovebox')
})

test('A GLOVEBOX_HOME that is no full path is another one in each directory, and an error.', () => {
  assert.throws(() => places({ GLOVEBOX_HOME: 'home' }), {
    code: 'USAGE',
    message: /GLOVEBOX_HOME is "home": a full path/,
    fix: /^GLOVEBOX_HOME=\/.*\/home,/,
  })
})

test('A relative XDG directory is ignored, as the specification demands.', () => {
  assert.equal(places({ XDG_STATE_HOME: 's' }).state, places({}).state)
})

test('An id without a passwd entry has its places by HOME, and without HOME is told what to set.', () => {
  const user = ordinaryUser()
  const script = `import { places } from ${JSON.stringify(`${user.root}/src/system/places.ts`)}
    try { console.log(places(process.env).state) } catch (error) { console.log(error.code, error.fix) }`
  const ask = (env: Record<string, string>): string =>
    spawnSync(user.node, ['--input-type=module', '-e', script], { uid: user.uid, gid: user.gid, env, encoding: 'utf8' })
      .stdout
  assert.equal(ask({ HOME: user.home }), `${user.home}/.local/state/glovebox\n`)
  if (process.getuid?.() === 0) assert.match(ask({}), /^USAGE set HOME/)
})
