import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GloveboxError } from '../../errors.ts'
import type { Network } from '../network.ts'
import { decide, decideName, toEgress, whyNotConnect } from './decide.ts'
import { presets } from './presets.ts'
import { formatResolver, readPrivateRange, readResolver } from './resolver.ts'
import { formatRule } from './rule.ts'
import { noNetwork, readRules, resolveNetwork, type NetworkWords } from './words.ts'

function network(words: Partial<NetworkWords>): Network {
  const found = resolveNetwork({ ...noNetwork, ...words })
  assert.ok(found)
  return found
}

test('a name is allowed by the first rule that has it and its port, and nothing else is', () => {
  const found = network({ allow: ['api.github.com', '*.example.org:443,8000-8010', 'b.example.org:22'] })
  const asked = (name: string, port: number) => decide(found, { name, port })
  assert.deepEqual(asked('api.github.com', 443), { allowed: true, rule: 'api.github.com' })
  assert.deepEqual(asked('API.github.com.', 443), { allowed: true, rule: 'api.github.com' })
  assert.deepEqual(asked('a.b.example.org', 8005), { allowed: true, rule: '*.example.org:443,8000-8010' })
  assert.deepEqual(asked('b.example.org', 22), { allowed: true, rule: 'b.example.org:22' })
  for (const [name, port] of [
    ['api.github.com', 80],
    ['github.com', 443],
    ['xapi.github.com', 443],
    ['api.github.com.evil.example', 443],
    ['example.org', 443],
    ['badexample.org', 443],
    ['a.example.org', 8011],
    ['a.example.org', 22],
    ['', 443],
    ['10.0.0.5', 443],
  ] as const)
    assert.deepEqual(asked(name, port), { allowed: false, rule: 'network.default-deny' }, `${name}:${port}`)
})

test('what is denied is denied whatever allows it, by name, by pattern and by address', () => {
  const found = network({
    allow: ['*.example.org:443,8443', '10.0.0.0/8:443', 'a.b.example:443'],
    deny: ['evil.example.org', '*.bad.example.org:8443', '10.6.0.0/16', '*.example:443'],
  })
  assert.deepEqual(decide(found, { name: 'evil.example.org', port: 8443 }), {
    allowed: false,
    rule: 'evil.example.org',
  })
  assert.deepEqual(decide(found, { name: 'x.bad.example.org', port: 8443 }), {
    allowed: false,
    rule: '*.bad.example.org:8443',
  })
  assert.equal(decide(found, { name: 'x.bad.example.org', port: 443 }).allowed, true)
  assert.deepEqual(decide(found, { address: '10.6.1.1', port: 443 }), { allowed: false, rule: '10.6.0.0/16' })
  assert.deepEqual(decide(found, { address: '10.7.1.1', port: 443 }), { allowed: true, rule: '10.0.0.0/8:443' })
  assert.equal(decide(found, { name: 'a.b.example', port: 443 }).allowed, false)
})

test('a name resolves when some port of it is open', () => {
  const found = network({
    allow: ['a.example:443', '*.example.org:443,8443'],
    deny: ['a.example', 'b.example.org:443', 'c.example.org:443,8443'],
  })
  assert.deepEqual(decideName(found, 'a.example'), { allowed: false, rule: 'a.example' })
  assert.deepEqual(decideName(found, 'b.example.org'), { allowed: true, rule: '*.example.org:443,8443' })
  assert.deepEqual(decideName(found, 'c.example.org'), { allowed: false, rule: 'c.example.org:443,8443' })
  assert.deepEqual(decideName(found, 'example.org'), { allowed: false, rule: 'network.default-deny' })
})

test('an address is allowed by a rule of addresses, and a wide one opens nothing special with it', () => {
  const found = network({
    allow: ['10.0.0.0/8:443', '0.0.0.0/0:80', '[::/0]:80', '[fc00::/7]:443', '169.254.169.254:80', '127.0.0.1:8000'],
  })
  const allowed = (address: string, port: number): boolean => decide(found, { address, port }).allowed
  for (const [address, port] of [
    ['10.1.2.3', 443],
    ['8.8.8.8', 80],
    ['2606:4700::1111', 80],
    ['fd00::1', 443],
    ['169.254.169.254', 80],
    ['127.0.0.1', 8000],
    ['::ffff:10.1.2.3', 443],
  ] as const)
    assert.ok(allowed(address, port), address)
  for (const [address, port] of [
    ['10.1.2.3', 80],
    ['192.168.1.1', 80],
    ['127.0.0.1', 80],
    ['100.100.100.200', 80],
    ['0.0.0.0', 80],
    ['::1', 80],
    ['fe80::1', 80],
    ['224.0.0.1', 80],
    ['fd00:ec2::254', 443],
    ['fd67:6c6f:7665::5', 443],
    ['64:ff9b::a00:1', 80],
    ['127.0.0.2', 8000],
    ['name', 80],
    ['', 80],
  ] as const)
    assert.ok(!allowed(address, port), address)
  assert.equal(decide(found, { name: '10.1.2.3', port: 443 }).allowed, false)
})

test('an allowed name may live on the public internet, in a private range that is named, and at an address that a rule names', () => {
  const found = network({
    allow: ['db.internal:5432', '10.9.0.1:5432', '169.254.169.254:80', '0.0.0.0/0:5432'],
    deny: ['9.9.9.9'],
    private: ['10.0.0.0/16', 'fd00::/8', '127.0.0.0/8', '169.254.0.0/16', '64:ff9b:1::/48'],
  })
  const why = (address: string, port: number = 5432): string | undefined => whyNotConnect(found, address, port)
  for (const address of [
    '8.8.8.8',
    '10.0.1.1',
    '10.9.0.1',
    'fd12::1',
    '127.0.0.1',
    '::ffff:10.0.1.1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::a00:1',
    '169.254.3.3',
  ])
    assert.equal(why(address), undefined, address)
  assert.equal(why('169.254.169.254', 80), undefined)
  assert.equal(why('10.1.0.1'), '10.1.0.1 is private (RFC 1918)')
  assert.equal(why('10.9.0.1', 443), '10.9.0.1 is private (RFC 1918)')
  assert.equal(why('169.254.169.254'), '169.254.169.254 is the metadata service of most clouds')
  assert.match(why('64:ff9b:1::a9fe:a9fe') ?? '', /metadata/)
  assert.match(why('fd00:ec2::254') ?? '', /metadata/)
  assert.match(why('fd67:6c6f:7665::5') ?? '', /given out by Glovebox/)
  assert.match(why('64:ff9b::a00:1') ?? '', /10\.0\.0\.1, private/)
  assert.match(why('0.0.0.0') ?? '', /this network/)
  assert.match(why('224.0.0.1') ?? '', /multicast/)
  assert.equal(why('9.9.9.9'), '9.9.9.9 is denied by the rule 9.9.9.9')
  assert.equal(why('example.org'), 'this is no address')
})

test('no policy lets a name lead to a metadata service but by a rule of that address', () => {
  const ranges = fc.subarray([
    '10.0.0.0/8',
    '169.254.0.0/16',
    '100.64.0.0/10',
    'fd00::/8',
    'fc00::/7',
    '192.0.0.0/24',
    '127.0.0.0/8',
  ])
  const rules = fc.subarray(
    ['0.0.0.0/0:80', '[::/0]:80', '169.254.0.0/16:80', '[fd00::/8]:80', '100.64.0.0/10:80', 'a.example:80'],
    { minLength: 1 },
  )
  const address = fc.constantFrom(
    '169.254.169.254',
    '100.100.100.200',
    'fd00:ec2::254',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::',
    '192.0.0.192',
  )
  fc.assert(
    fc.property(ranges, rules, address, (allowedRanges, allow, where) => {
      const found = network({ allow, private: allowedRanges })
      assert.notEqual(whyNotConnect(found, where, 80), undefined)
      assert.equal(decide(found, { address: where, port: 80 }).allowed, false)
    }),
  )
})

test('a rule of deny never opens anything, and what is decided is by a rule that is there', () => {
  const rule = fc.constantFrom<string[]>(
    'a.example',
    '*.example',
    'b.a.example:80',
    '*.a.example:80-90',
    'c.test:443,8443',
    '*.test:1-80',
    '10.0.0.0/8:80',
    '10.1.0.0/16',
    '1.1.1.1:53',
  )
  const target = fc.oneof(
    fc.record({
      name: fc.constantFrom('a.example', 'b.a.example', 'x.b.a.example', 'c.test', 'example'),
      port: fc.constantFrom(53, 80, 85, 443, 8443),
    }),
    fc.record({
      address: fc.constantFrom('10.0.0.1', '10.1.0.1', '1.1.1.1', '8.8.8.8'),
      port: fc.constantFrom(53, 80, 443),
    }),
  )
  const allowed = rule.filter((text) => text !== '*.example')
  fc.assert(
    fc.property(fc.array(allowed, { minLength: 1 }), fc.array(rule), target, (allow, deny, asked) => {
      const open = decide(network({ allow }), asked)
      const closed = decide(network({ allow, deny }), asked)
      if (closed.allowed) assert.ok(open.allowed && allow.includes(closed.rule))
      else assert.ok(closed.rule === 'network.default-deny' ? !open.allowed : deny.includes(closed.rule))
      if ('name' in asked && closed.allowed) assert.ok(decideName(network({ allow, deny }), asked.name).allowed)
    }),
  )
})

test('the jail needs a listener for each port and a route for each range, each once', () => {
  const found = network({
    allow: [
      'a.example:443,8000-8002',
      'b.example',
      '10.0.0.5:5432',
      '[fd00::/8]:443',
      '10.0.0.5:80',
      'c.example:53,123/udp',
      'd.example:123/udp',
    ],
    deny: ['c.example:9', '1.1.1.1'],
  })
  assert.deepEqual(toEgress(found), {
    tcpPorts: [80, 443, 5432, 8000, 8001, 8002],
    udpPorts: [53, 123],
    addresses: ['10.0.0.5/32', 'fd00::/8'],
  })
})

test('datagrams go where a rule says so, and a rule that denies without a word denies them too', () => {
  const found = network({
    allow: ['time.example:123/udp', '*.quic.example:443/udp', 'web.example', '10.0.0.5:53/udp'],
    deny: ['no.quic.example', 'tcp.quic.example:443/tcp', 'a.time.example:123/udp', '192.0.2.0/24:123/udp'],
  })
  const allowed = (name: string, port: number, udp?: true): boolean => decide(found, { name, port, udp }).allowed
  assert.equal(allowed('time.example', 123, true), true)
  assert.equal(allowed('time.example', 123), false)
  assert.equal(allowed('time.example', 443, true), false)
  assert.equal(allowed('web.example', 443), true)
  assert.equal(allowed('web.example', 443, true), false)
  assert.equal(allowed('a.quic.example', 443, true), true)
  assert.equal(allowed('no.quic.example', 443, true), false)
  assert.equal(allowed('tcp.quic.example', 443, true), true)
  assert.equal(decide(found, { address: '10.0.0.5', port: 53, udp: true }).allowed, true)
  assert.equal(decide(found, { address: '10.0.0.5', port: 53 }).allowed, false)
  assert.equal(whyNotConnect(found, '10.0.0.5', 53, 'udp'), undefined)
  assert.match(whyNotConnect(found, '10.0.0.5', 53) ?? '', /10\.0\.0\.5/)
  const names = ['time.example', 'a.quic.example', 'no.quic.example', 'other.example']
  assert.deepEqual(
    names.map((name) => decideName(found, name).allowed),
    [true, true, false, false],
  )
})

test('nothing allowed is no network, whatever else is written', () => {
  assert.equal(resolveNetwork(noNetwork), null)
  assert.equal(
    resolveNetwork({ ...noNetwork, deny: ['a.example'], private: ['10.0.0.0/8'], resolvers: ['9.9.9.9'] }),
    null,
  )
})

test('words that mean nothing are told with their list, and ports are counted together', () => {
  const refuses = (words: Partial<NetworkWords>, message: RegExp): void =>
    assert.throws(
      () => resolveNetwork({ ...noNetwork, ...words }),
      (error) =>
        error instanceof GloveboxError &&
        error.code === 'POLICY_INVALID' &&
        message.test(`${error.message} | ${error.fix}`),
      JSON.stringify(words),
    )
  refuses(
    { allow: ['https://x.example'] },
    /^network\.allow: "https:\/\/x\.example" is a URL \| write "x\.example:443"/,
  )
  refuses({ deny: ['a b'] }, /^network\.deny: /)
  refuses({ private: ['10.0.0.1'] }, /^network\.private: "10\.0\.0\.1" is one address/)
  refuses({ resolvers: ['dns.example'] }, /^network\.resolvers: /)
  refuses({ allow: ['a.example:1-1024', 'b.example:5000'] }, /1025 ports together, and 1024 is the most/)
  assert.ok(network({ allow: ['a.example:1-1024', 'b.example:1000'] }))
})

test('a private range is one of one kind of addresses, and never public, metadata or nobody’s', () => {
  for (const text of [
    '10.0.0.0/8',
    '10.2.0.0/16',
    'fd00::/8',
    '[fd00::/8]',
    '127.0.0.0/8',
    '::1/128',
    '100.64.0.0/10',
    '169.254.0.0/16',
    '10.0.0.1/32',
  ])
    assert.equal(readPrivateRange(text).mistake, undefined, text)
  const wrong: Record<string, RegExp> = {
    '0.0.0.0/0': /wider than any range/,
    '::/0': /wider than any range/,
    '8.0.0.0/6': /wider than any range/,
    '8.8.8.0/24': /public: names may live there anyway/,
    '10.0.0.1': /one address.*10\.0\.0\.1\/32/,
    '10.0.0.1/8': /bits behind its prefix/,
    '169.254.169.254/32': /metadata.*"allow".*"169\.254\.169\.254:80"/,
    '0.0.0.0/8': /nobody lives there/,
    'ff00::/8': /nobody lives there/,
    '::ffff:10.0.0.0/104': /version 4/,
    'example.org/8': /not a range/,
    '': /not a range/,
    '10.0.0.0/8/8': /not a range|prefix/,
  }
  for (const [text, expected] of Object.entries(wrong)) {
    const { mistake } = readPrivateRange(text)
    assert.ok(mistake, text)
    assert.match(`${mistake.why} | ${mistake.fix}`, expected, text)
  }
})

test('a resolver is an address with a port', () => {
  const sound: Record<string, string> = {
    '9.9.9.9': '9.9.9.9:53',
    '10.0.0.2:5353': '10.0.0.2:5353',
    '2620:fe::fe': '[2620:fe::fe]:53',
    '[2620:fe::fe]': '[2620:fe::fe]:53',
    '[2620:FE::fe]:853': '[2620:fe::fe]:853',
    '127.0.0.1:53': '127.0.0.1:53',
    '::ffff:9.9.9.9': '9.9.9.9:53',
  }
  for (const [text, expected] of Object.entries(sound)) {
    const read = readResolver(text)
    assert.ok(read.mistake === undefined, text)
    assert.equal(formatResolver(read.value), expected)
  }
  for (const text of [
    '',
    'dns.example',
    '9.9.9.9:0',
    '9.9.9.9:',
    '9.9.9.9:x',
    '9.9.9.9:53,54',
    '9.9.9',
    '09.9.9.9',
    '[9.9.9.9]:53',
    '[::1',
    '0.0.0.0',
    '224.0.0.1',
    'fe80::1%eth0',
    '9.9.9.9/32',
    'https://9.9.9.9',
  ])
    assert.ok(readResolver(text).mistake, text)
})

test('a preset is a list of exact names, and its rules go by its name', () => {
  const npm = network({ allow: ['preset:npm'] })
  assert.deepEqual(npm.allow.map(formatRule), ['registry.npmjs.org:443'])
  assert.deepEqual(decide(npm, { name: 'registry.npmjs.org', port: 443 }), { allowed: true, rule: 'preset:npm' })
  for (const [name, { about, hosts }] of Object.entries(presets)) {
    assert.match(name, /^[a-z][a-z0-9-]*$/)
    assert.ok(about !== '' && hosts.length > 0)
    const rules = readRules(`preset:${name}`, 'allow')
    assert.ok(rules.mistake === undefined)
    for (const { host, ports } of rules.value) {
      assert.equal(host.kind, 'name', `${name}: nothing wider than a name`)
      assert.ok(ports.every(({ from, to }) => from === to && [80, 443].includes(from)))
    }
  }
  assert.match(readRules('preset:nmp', 'allow').mistake?.fix ?? '', /npm/)
  for (const text of ['preset:__proto__', 'preset:constructor', 'preset:', 'preset:NPM'])
    assert.ok(readRules(text, 'allow').mistake, text)
  const host = readRules('preset:443', 'allow')
  assert.ok(host.mistake === undefined)
  assert.deepEqual(host.value.map(formatRule), ['preset:443'])
})

test('a preset that is denied is denied on every port', () => {
  const found = network({ allow: ['github.com:22,443'], deny: ['preset:github'] })
  assert.deepEqual(decide(found, { name: 'github.com', port: 22 }), { allowed: false, rule: 'preset:github' })
})
