import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sshConfig, sshOptions } from './config.ts'

const keys = { userKey: '/home/a b/100%/user_key', knownHosts: '/home/a b/100%/known_hosts' }
const proxy = { program: ["/opt/it's/node", '/opt/glove box/100%.cjs'], env: { GLOVEBOX_HOME: '/home/a b' } }

test('paths reach ssh and its shell as they are, with blanks, quotes and percent signs', () => {
  const options = new Map(sshOptions('files', keys, proxy))
  assert.equal(
    options.get('ProxyCommand'),
    `env 'GLOVEBOX_HOME=/home/a b' '/opt/it'\\''s/node' '/opt/glove box/100%%.cjs' ssh --proxy files`,
  )
  assert.equal(options.get('IdentityFile'), '"/home/a b/100%%/user_key"')
})

test('what ssh_config has no way to write is refused', () => {
  for (const userKey of ['/a"b', '/a\nb', '/${HOME}', '/a\\b'])
    assert.throws(() => sshOptions('files', { ...keys, userKey }, proxy), { code: 'USAGE' })
  assert.throws(() => sshOptions('files', keys, { ...proxy, program: ['/a\nHost *'] }), { code: 'USAGE' })
})

test('each host has its own block, and nothing of a host name reaches a shell', () => {
  const options = sshOptions('files', keys, proxy)
  const text = sshConfig([{ name: 'files', options }])
  assert.match(text, /\nHost files\.glovebox\n {2}ProxyCommand /)
  assert.doesNotMatch(text.replaceAll('%%', ''), /%/)
})
