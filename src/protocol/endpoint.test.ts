import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEndpoint, withPort } from './endpoint.ts'

test('an address with a port is read as it is written, and nothing else is one', () => {
  for (const endpoint of [
    { ip: '1.2.3.4', port: 80 },
    { ip: '::1', port: 65_535 },
    { ip: 'fe80::1', port: 0 },
  ]) {
    assert.deepEqual(readEndpoint(withPort(endpoint.ip, endpoint.port)), endpoint)
  }
  for (const text of [
    undefined,
    '',
    'netlink',
    'unix:/run/x',
    'example.org:80',
    '1.2.3.4',
    '::1:80',
    '[::1]',
    '1.2.3.4:123456',
  ]) {
    assert.equal(readEndpoint(text), undefined)
  }
  assert.equal(withPort('example.org', 443), 'example.org:443')
})
