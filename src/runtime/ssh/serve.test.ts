import assert from 'node:assert/strict'
import { test } from 'node:test'
import ssh2, { type ParsedKey } from 'ssh2'
import { newKey } from './keys.ts'
import { isAllowed } from './serve.ts'

function key(): ParsedKey {
  const parsed = ssh2.utils.parseKey(newKey('a comment'))
  assert.ok(!(parsed instanceof Error))
  return parsed
}

test('who signs with the key that is known comes in, and neither another key nor another signature does', () => {
  const [own, other] = [key(), key()]
  const data = own.getPublicSSH()
  const blob = Buffer.from('what is signed')
  const signed = (by: ParsedKey): Buffer => by.sign(blob)
  const asked = { key: { algo: 'ssh-ed25519', data }, blob }
  assert.equal(isAllowed({ ...asked, signature: signed(own) }, data), true)
  assert.equal(isAllowed({ ...asked, signature: signed(other) }, data), false)
  assert.equal(isAllowed({ ...asked, signature: Buffer.alloc(3) }, data), false)
  assert.equal(isAllowed({ ...asked, signature: signed(own) }, other.getPublicSSH()), false)
  assert.equal(isAllowed({ key: asked.key, signature: signed(own) }, data), false)
})

test('a signature that cannot be verified at all is none', () => {
  const own = key()
  const data = own.getPublicSSH()
  const blob = Buffer.from('what is signed')
  const asked = { key: { algo: 'ssh-ed25519', data }, blob, hashAlgo: 'no-such-digest', signature: own.sign(blob) }
  assert.equal(isAllowed(asked, data), false)
})
