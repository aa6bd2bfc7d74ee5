import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatRule, readRule } from './rule.ts'

const rules: Readonly<Record<string, string>> = {
  'api.github.com': 'api.github.com:443',
  'api.github.com:443': 'api.github.com:443',
  'API.GitHub.com.:8443': 'api.github.com:8443',
  '*.example.org:443,8443': '*.example.org:443,8443',
  '*.a.b.example.org.': '*.a.b.example.org:443',
  'host:8000-8010': 'host:8000-8010',
  'a.example:443,80,81,80-90': 'a.example:80-90,443',
  'a.example:1-1024': 'a.example:1-1024',
  'localhost:3000': 'localhost:3000',
  '*.internal:5432': '*.internal:5432',
  '_dmarc.example.org': '_dmarc.example.org:443',
  'r3---sn-x.example': 'r3---sn-x.example:443',
  '10.0.0.5:5432': '10.0.0.5:5432',
  '10.0.0.5/32': '10.0.0.5:443',
  '10.0.0.0/8:443': '10.0.0.0/8:443',
  '169.254.169.254:80': '169.254.169.254:80',
  '[::1]:80': '[::1]:80',
  '[FD00:0:0::]:80': '[fd00::]:80',
  '[fd00::/8]:443,80': '[fd00::/8]:80,443',
  '[2001:db8::1]': '[2001:db8::1]:443',
  'bücher.example': 'xn--bcher-kva.example:443',
  'BÜCHER。example:8443': 'xn--bcher-kva.example:8443',
  'xn--bcher-kva.example': 'xn--bcher-kva.example:443',
  'ａpi.example': 'api.example:443',
  'time.example:123/udp': 'time.example:123/udp',
  'Time.Example:123,500-501/UDP': 'time.example:123,500-501/udp',
  '*.quic.example:443/udp': '*.quic.example:443/udp',
  '10.0.0.0/8:53/udp': '10.0.0.0/8:53/udp',
  '[fd00::5]:53/udp': '[fd00::5]:53/udp',
  'api.github.com:443/tcp': 'api.github.com:443',
  'api.github.com/tcp': 'api.github.com:443',
}

test('a rule is read in each of its forms, and written in one', () => {
  for (const [text, canonical] of Object.entries(rules)) {
    const { value, mistake } = { value: undefined, ...readRule(text, 'allow') }
    assert.equal(mistake, undefined, text)
    assert.ok(value)
    assert.equal(value.text, text)
    assert.equal(formatRule(value), canonical)
    const again = readRule(canonical, 'allow')
    assert.deepEqual(again.mistake === undefined && { ...again.value, text }, value)
  }
})

/** What is wrong, and what is written instead. */
const wrong: Readonly<Record<string, RegExp>> = {
  '': /empty/,
  ' ': /empty/,
  'a b': /space/,
  '*': /every name that there is/,
  '*:80': /every name that there is/,
  'api.*.com': /whole first label/,
  'a*.example.org': /whole first label/,
  '*.*.example.org': /whole first label/,
  '*.com': /every name under "\.com".*"\*\.example\.com"/,
  '*.': /no name/,
  '.': /no name/,
  ':80': /no name/,
  'a..b': /two dots/,
  '.a': /two dots/,
  'a.b..': /two dots/,
  '-a.example': /begins or ends with "-"/,
  'a-.example': /begins or ends with "-"/,
  [`${'a'.repeat(64)}.example`]: /more than 63/,
  [`${'a.'.repeat(130)}example`]: /253/,
  'https://api.github.com': /is a URL.*write "api\.github\.com:443"/,
  'http://api.github.com:8080/v1?x=1': /is a URL.*write "api\.github\.com:8080"/,
  'postgres://user:word@db.example/x': /is a URL.*write "db\.example:5432"/,
  'https://': /is a URL/,
  'udp://time.example:123': /is a URL.*write "time\.example:123\/udp"/,
  'time.example/udp': /no port for its datagrams.*"ntp\.example\.org:123\/udp"/,
  'time.example:/udp': /no port behind it/,
  'time.example:123/sctp': /a protocol that is none.*\/udp/,
  'time.example:123/udp/tcp': /no port/,
  'https://a.example/udp': /is a URL.*write "a\.example:443"/,
  'api.github.com/v1': /has a path.*write "api\.github\.com:443"/,
  'user@host': /characters that no name has/,
  'a:0': /does not exist: 0/,
  'a:65536': /does not exist: 65536/,
  'a:1-99999': /does not exist: 99999/,
  'a:8010-8000': /ends before it begins.*8000-8010/,
  'a:': /no port behind it/,
  'a:*': /every port/,
  'a:80,': /no port/,
  'a:https': /no port/,
  'a:-1': /no port/,
  'a:1-1025': /opens 1025 ports, and 1024/,
  '10.1.0.0/8': /bits behind its prefix of 8.*10\.0\.0\.0\/8/,
  '[fd00::1/8]:80': /bits behind its prefix of 8.*fd00::\/8/,
  '10.0.0.0/33': /0 to 32/,
  '10.0.0.0/8/8': /0 to 32/,
  '10.0.0.0/': /0 to 32/,
  '[fd00::/129]': /0 to 128/,
  '0177.1': /oddly written address: 127\.0\.0\.1/,
  '0x7f.1': /oddly written address: 127\.0\.0\.1/,
  '2130706433': /oddly written address: 127\.0\.0\.1/,
  '017700000001': /oddly written address: 127\.0\.0\.1/,
  '010.0.0.1': /oddly written address: 8\.0\.0\.1/,
  '127.1:80': /oddly written address: 127\.0\.0\.1/,
  '１２７.0.0.1': /oddly written address: 127\.0\.0\.1/,
  '10.0.0.256': /ends in a number/,
  '1.2.3.4.5': /ends in a number/,
  'host.0x': /ends in a number/,
  '*.0.0.1': /oddly written address|ends in a number/,
  '[::ffff:10.0.0.1]:80': /10\.0\.0\.1, written as version 6/,
  '[::ffff:a00:1]': /10\.0\.0\.1, written as version 6/,
  '[fe80::1%eth0]:80': /zone/,
  '[fe80::1]:80': /without an interface/,
  '[10.0.0.1]:80': /write 10\.0\.0\.1:80/,
  '[::1': /brackets/,
  '[::1]x': /brackets/,
  '::1': /brackets/,
  'fd00::/8': /brackets/,
  '[::g]:80': /no address of version 6/,
  '[a.example]:80': /no address of version 6/,
  '0.0.0.0:80': /127\.0\.0\.1/,
  '[::]:80': /no address that can be connected to/,
  '224.0.0.1': /multicast/,
  '198.18.0.7:443': /stands for names inside/,
  '[fd67:6c6f:7665::9]:443': /stands for names inside/,
  'a\0.example': /characters/,
  'ü/x': /has a path/,
  'ü%2f.example': /characters/,
  'preset:npm': /no port/,
}

test('what is no rule is told with what is wrong and what to write', () => {
  for (const [text, expected] of Object.entries(wrong)) {
    const { mistake } = readRule(text, 'allow')
    assert.ok(mistake, text)
    assert.match(`${mistake.why} | ${mistake.fix}`, expected, text)
  }
})

test('a rule that denies may be wider, and without a port denies all of them', () => {
  for (const [text, canonical] of Object.entries({
    '*.com': '*.com',
    'a.example': 'a.example',
    'a.example:1-65535': 'a.example',
    'a.example:443': 'a.example:443',
    '10.0.0.0/8': '10.0.0.0/8',
  })) {
    const rule = readRule(text, 'deny')
    assert.ok(rule.mistake === undefined, text)
    assert.equal(formatRule(rule.value), canonical)
  }
  assert.ok(readRule('*', 'deny').mistake)
})

test('whatever is read as a rule is read the same from how it is written', () => {
  const bit = fc.constantFrom(
    'a',
    'example',
    '.org',
    '.',
    '*',
    '*.',
    ':',
    '80',
    '443',
    ',',
    '-',
    '0',
    '10.0.0.0',
    '/8',
    '[',
    ']',
    '::1',
    'ü',
    '。',
    'A',
    '_',
    '%',
    ' ',
    '@',
    '1',
    '0x7f',
    'fd00::',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(bit, { maxLength: 8 }).map((bits) => bits.join('')),
        fc.string({ unit: 'binary', maxLength: 12 }),
      ),
      fc.constantFrom('allow' as const, 'deny' as const),
      (text, side) => {
        const rule = readRule(text, side)
        if (rule.mistake !== undefined) {
          assert.ok(rule.mistake.why !== '' && rule.mistake.fix !== '')
          assert.doesNotMatch(`${rule.mistake.why}${rule.mistake.fix}`, /[^\u{20}-\u{7e}]/u)
          return
        }
        const { host, ports } = rule.value
        const again = readRule(formatRule(rule.value), side)
        assert.deepEqual(again.mistake === undefined && { host: again.value.host, ports: again.value.ports }, {
          host,
          ports,
        })
        if (host.kind !== 'range') assert.match(host.name, /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/)
      },
    ),
    { numRuns: 3000 },
  )
})
