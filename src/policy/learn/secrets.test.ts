import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whySecret } from './secrets.ts'

test('keys, logins and histories are secrets wherever a home is, and their directories too', () => {
  const secret = [
    '/home/ann/.ssh',
    '/home/ann/.ssh/id_ed25519',
    '/root/.aws/credentials',
    '/Users/ann/.config/gcloud/x.json',
    '/home/ann/.config/gh/hosts.yml',
    '/home/ann/.docker/config.json',
    '/home/ann/.npmrc',
    '/home/ann/.bash_history',
    '/srv/app/.env',
    '/srv/app/.env.production',
    '/srv/app/tls/server.key',
    '/srv/../home/ann/.gnupg/x',
    '/etc/shadow',
    '/etc/shadow-',
    '/etc/sudoers.d/x',
    '/etc/ssl/private/x.pem',
  ]
  assert.deepEqual(
    secret.filter((path) => whySecret(path) === undefined),
    [],
  )
})

test('what only looks a little like one is none', () => {
  const plain = [
    '/home/ann/.sshrc',
    '/home/ann/notes/ssh',
    '/srv/keyboard',
    '/srv/environment',
    '/etc/ssl/certs/x.crt',
    '/home/ann/.config/app/x',
    '/',
  ]
  assert.deepEqual(
    plain.filter((path) => whySecret(path) !== undefined),
    [],
  )
})
