import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withPort } from '../protocol/endpoint.ts'
import { canonicalAddress } from './address.ts'
import { normalName } from './host-name.ts'
import { createNames, maxNames } from './names.ts'

test('a name keeps its pair of addresses, and each of them leads back to it', () => {
  const names = createNames()
  const pair = names.give('api.example.org')
  assert.deepEqual(pair, { v4: '198.18.1.0', v6: 'fd67:6c6f:7665::100' })
  assert.deepEqual(names.give('api.example.org'), pair)
  assert.deepEqual(names.give('b.example.org'), { v4: '198.18.1.1', v6: 'fd67:6c6f:7665::101' })
  assert.equal(names.nameAt('198.18.1.0'), 'api.example.org')
  assert.equal(names.nameAt('fd67:6c6f:7665::101'), 'b.example.org')
})

test('an address that nobody was given has no name, the resolver and the proxy neither', () => {
  const names = createNames()
  names.give('a.example')
  for (const address of ['198.18.1.1', '198.18.0.1', '198.18.0.2', '198.19.255.255', 'fd67:6c6f:7665::'])
    assert.equal(names.nameAt(address), undefined)
})

test('all names that may be given have addresses of their own in their canonical spelling, and the next one has none', () => {
  const names = createNames()
  const seen = new Set<string>()
  for (let at = 0; at < maxNames; at++) {
    const pair = names.give(`n${at}.example`)
    assert.ok(pair)
    if (at % 997 === 0 || at === maxNames - 1) {
      assert.equal(canonicalAddress(pair.v4), pair.v4)
      assert.equal(canonicalAddress(pair.v6), pair.v6)
      assert.match(pair.v4, /^198\.1[89]\./)
    }
    seen.add(pair.v4).add(pair.v6)
  }
  assert.equal(seen.size, 2 * maxNames)
  assert.equal(names.give('one-more.example'), undefined)
  assert.ok(names.give('n0.example'), 'a known one still has its own')
})

test('spellings of one name become one, and what is an address to a resolver is no name', () => {
  for (const spelling of ['API.Example.Org', 'api.example.org.', 'api.example.org'])
    assert.equal(normalName(spelling), 'api.example.org')
  assert.equal(normalName('bücher.example'), 'xn--bcher-kva.example')
  assert.equal(normalName('_dmarc.example.org'), '_dmarc.example.org')
  const none = [
    '',
    '.',
    'a..b',
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    'example.0x',
    '１２７.0.0.1',
  ]
  for (const text of [
    ...none,
    'a b',
    'a/b',
    'a:80',
    '[::1]',
    'a@b',
    'a%2eb',
    'x\0y',
    'a'.repeat(64),
    'a.'.repeat(127) + 'aa',
  ])
    assert.equal(normalName(text), undefined, text)
})

test('an address has one spelling, and what is none has none', () => {
  const canonical: Record<string, string> = {
    '10.0.0.1': '10.0.0.1',
    '::FFFF:10.0.0.1': '10.0.0.1',
    '::ffff:0a00:0001': '10.0.0.1',
    'FD67:6C6F:7665:0:0:0:0:100': 'fd67:6c6f:7665::100',
    '::1': '::1',
  }
  for (const [text, address] of Object.entries(canonical)) assert.equal(canonicalAddress(text), address)
  for (const text of ['010.0.0.1', '127.1', '0x7f000001', '2130706433', 'fe80::1%lo', '[::1]', '', 'a', '1.2.3.4 '])
    assert.equal(canonicalAddress(text), undefined, text)
  assert.deepEqual([withPort('::1', 80), withPort('a.example', 80)], ['[::1]:80', 'a.example:80'])
})
