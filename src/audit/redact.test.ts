import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redactCommand, redactText } from './redact.ts'
import { processorMs } from '../../test/support/timed.ts'

test('the value after an option with a telling name is replaced', () => {
  assert.deepEqual(redactCommand(['srv', '--token', 'abc', '--port', '80']), [
    'srv',
    '--token',
    '[redacted]',
    '--port',
    '80',
  ])
  assert.deepEqual(redactCommand(['srv', '--api-key=abc']), ['srv', '--api-key=[redacted]'])
  assert.deepEqual(redactCommand(['env', 'GITHUB_TOKEN=abc', 'HOME=/h']), ['env', 'GITHUB_TOKEN=[redacted]', 'HOME=/h'])
  assert.deepEqual(redactCommand(['srv', '-password', '-abc']), ['srv', '-password', '[redacted]'])
})

test('an option that has no value does not swallow the option after it', () => {
  assert.deepEqual(redactCommand(['srv', '--auth', '--port=80']), ['srv', '--auth', '--port=80'])
})

test('words that only begin like a secret name stay', () => {
  const command = ['git', 'log', '--author=ann', '--authors', 'ann', '/home/ann/secrets', 'tokenizer.js']
  assert.deepEqual(redactCommand(command), command)
})

test('a command line is cut to a length that a line of the record can have', () => {
  const long = redactCommand(['x'.repeat(5000), ...Array.from({ length: 500 }, () => 'y')])
  assert.equal(long[0]?.length, 1024 + '[cut]'.length)
  assert.equal(long.length, 129)
  assert.equal(long.at(-1), '[373 more]')
})

const cases: readonly (readonly [string, string])[] = [
  ['postgres://ann:pw@db:5432/x', 'postgres://[redacted]@db:5432/x'],
  ['https://ghx@github.com/a/b', 'https://[redacted]@github.com/a/b'],
  ['https://h/p?api_key=abcdef&q=1', 'https://h/p?api_key=[redacted]&q=1'],
  ['Authorization: Bearer abcdefghijk', 'Authorization: Bearer [redacted]'],
  ['Authorization: abcdefghijk', 'Authorization: [redacted]'],
  ['{"client_secret": "abcdef", "id": 1}', '{"client_secret": "[redacted]", "id": 1}'],
  ["password='hunter22'", "password='[redacted]'"],
  ['key ghp_0123456789abcdefghijklmnopqrstuvwxyz!', 'key [redacted]!'],
  ['sk-ant-api03-0123456789abcdef', '[redacted]'],
  ['AKIAIOSFODNN7EXAMPLE is it', '[redacted] is it'],
  ['xoxb-123456789-abc', '[redacted]'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', '[redacted]'],
  ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- after', '[redacted] after'],
  ['-----BEGIN PRIVATE KEY-----\nMIIE cut off', '[redacted]'],
]

for (const [text, expected] of cases) {
  test(`what looks like a secret is replaced in ${JSON.stringify(text)}`, () => {
    assert.equal(redactText(text), expected)
  })
}

test('text without a secret is not touched', () => {
  for (const text of [
    'listening on http://127.0.0.1:80/mcp',
    'GET /a?b=c',
    'basic auth is off',
    'max_tokens reached',
    'é\n\u{1f600}',
  ]) {
    assert.equal(redactText(text), text)
  }
})

test('what was replaced stays as it is when it is replaced again', () => {
  for (const [, expected] of cases) assert.equal(redactText(expected), expected)
})

test('a hostile line takes no longer than some milliseconds', () => {
  const pieces = [
    'a',
    '-',
    'token',
    'token=',
    'eyJaaaaaaaa.',
    'sk-',
    'a://',
    'Bearer ',
    '-----BEGIN ',
    '-----BEGIN A PRIVATE KEY-----',
    'xoxb-',
    ' ',
  ]
  for (const piece of pieces) {
    const text = `=${piece.repeat(Math.ceil(4096 / piece.length))}`
    const took = processorMs(() => void redactText(text))
    // Quadratic on 4 KiB would be above this, exponential would not come back.
    assert.ok(took < 200, `${piece}: ${took} ms`)
  }
})
