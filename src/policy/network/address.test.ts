import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { blockOf, classify } from './address.ts'
import { formatIp, formatRange, parseIp, parseRange, rangeHas, rangeWithin, type Ip } from './ip.ts'
import { blocks, type AddressClass } from './special.ts'

const table: Readonly<Record<AddressClass, string>> = {
  public: `1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
    172.15.255.255 172.32.0.0 192.0.1.0 192.31.196.1 192.52.193.1 192.167.255.255 192.169.0.0 192.175.48.1 198.17.255.255
    198.20.0.0 223.255.255.255 2000:: 2001:4860:4860::8888 2606:4700::1111 2a00:1450::1 3ffe:: 2001:3::1 2001:4:112::1
    2001:20::1 2001:30::1 2620:4f:8000::1 64:ff9b::8.8.8.8 ::ffff:8.8.8.8`,
  unspecified: '0.0.0.0 0.1.2.3 0.255.255.255 :: ::ffff:0.0.0.0 64:ff9b::0.0.0.0',
  loopback:
    '127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::127.0.0.1 2002:7f00:1:: 64:ff9b:1::127.0.0.1',
  private: `10.0.0.0 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255 fc00::1 fd00::1 fdff:ffff::1
    fec0::1 ::ffff:10.0.0.1 64:ff9b::10.0.0.1 64:ff9b:1::1.1.1.1 64:ff9b:1:: 2002:a00:1:: 2002:c0a8:101::1
    64:ff9b:1:a00:1:: 64:ff9b:1:00a:0:0100::`,
  'link-local': '169.254.0.1 169.254.255.255 fe80::1 febf::1 ::ffff:169.254.1.1 2002:a9fe:101::',
  carrier: '100.64.0.0 100.127.255.255 ::ffff:100.64.0.1 64:ff9b::100.64.0.1',
  metadata: `169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::254
    fd00:ec2::23 fd20:ce::254 ::ffff:169.254.169.254 ::169.254.169.254 64:ff9b::169.254.169.254 2002:a9fe:a9fe::
    64:ff9b:1::169.254.169.254 64:ff9b:1:a9fe:a9:fe00:: 64:ff9b::168.63.129.16 2001:0:4136:e378:8000:63bf:5601:5601`,
  multicast: '224.0.0.1 239.255.255.255 ff02::1 ff0e::1 ::ffff:224.0.0.1',
  reserved: `192.0.0.1 192.88.99.1 240.0.0.1 255.255.255.255 100::1 100:0:0:1::1 200::1 2001:1::1 2001:10::1
    2001:0:4136:e378:8000:63bf:f7f7:f7f7 2002:808:808:: ::8.8.8.8 4000::1 5f00::1 fe00::1 fd67:6c6f:7665::1 1000::
    e000::1 f000::1 f800::1 100:1::1`,
  documentation: '192.0.2.1 198.51.100.1 203.0.113.255 2001:db8::1 3fff::1 3fff:fff:ffff::1 ::ffff:192.0.2.1',
  benchmark: '198.18.0.1 198.19.255.255 2001:2::1 ::ffff:198.18.0.1',
}

for (const [kind, addresses] of Object.entries(table)) {
  test(`these addresses are ${kind}`, () => {
    for (const address of addresses.split(/\s+/)) assert.equal(classify(address).kind, kind, address)
  })
}

test('the table has eighty addresses and more', () => {
  assert.ok(Object.values(table).flatMap((addresses) => addresses.split(/\s+/)).length >= 80)
})

test('what is said of an address says what it carries', () => {
  assert.equal(
    classify('64:ff9b::a00:1').what,
    '10.0.0.1, private (RFC 1918), behind a translator to version 4 (RFC 6052)',
  )
  assert.equal(classify('::ffff:10.0.0.1').what, 'private (RFC 1918)')
})

test('every block is in the table once, and is the smallest that has itself', () => {
  assert.equal(new Set(blocks().map(({ range }) => `${range.address}/${range.prefix}`)).size, blocks().length)
  for (const block of blocks()) {
    assert.deepEqual(parseRange(formatRange(block.range)), block.range)
    assert.equal(blockOf(block.range), block)
  }
})

const v4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((bits): Ip => ({ family: 4, bits }))
const v6 = fc
  .array(fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 0xffffn })), { minLength: 8, maxLength: 8 })
  .map((groups): Ip => ({ family: 6, bits: groups.reduce((bits, group) => (bits << 16n) | group, 0n) }))

test('an address that is written is read as the same, and is one to the platform', () => {
  fc.assert(
    fc.property(fc.oneof(v4, v6), (ip) => {
      const text = formatIp(ip)
      assert.deepEqual(parseIp(text), ip)
      assert.equal(isIP(text), ip.family)
      // The URL standard serialises by the same rules, but for mapped addresses.
      if (ip.family === 6 && !text.startsWith('::ffff:'))
        assert.equal(new URL(`http://[${text}]/`).hostname, `[${text}]`)
    }),
  )
})

test('texts that are no address to the platform are none here', () => {
  const part = fc.constantFrom(
    '0',
    '1',
    '10',
    '01',
    '255',
    '256',
    'ffff',
    'g',
    ':',
    '::',
    '.',
    '1.2.3.4',
    '%eth0',
    '/8',
    '',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const text = parts.join('')
      // Zones are addresses to the platform.
      assert.equal(parseIp(text)?.family ?? 0, text.includes('%') ? 0 : isIP(text), text)
    }),
    { numRuns: 2000 },
  )
})

test('a range has its first address and not the one before it', () => {
  const range = fc.tuple(fc.oneof(v4, v6), fc.nat(128)).map(([{ family, bits }, prefix]) => {
    const length = Math.min(prefix, family === 4 ? 32 : 128)
    const free = BigInt((family === 4 ? 32 : 128) - length)
    return { family, first: (bits >> free) << free, length, last: ((bits >> free) << free) + (1n << free) - 1n }
  })
  fc.assert(
    fc.property(range, ({ family, first, last, length }) => {
      const found = parseRange(`${formatIp({ family, bits: first })}/${length}`)
      assert.ok(found)
      for (const bits of [first, last]) assert.ok(rangeHas(found, { family, bits }))
      if (first > 0n) assert.ok(!rangeHas(found, { family, bits: first - 1n }))
      assert.ok(rangeWithin(found, found))
    }),
  )
  for (const text of ['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0', '10.0.0.0/08', 'fd00::/129', '::1/0'])
    assert.equal(parseRange(text), undefined, text)
})
