import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { createJsonScanner } from './json-scan.ts'
import type { JsonScan } from './json-scan.ts'
import { processorMs } from '../../test/support/timed.ts'

const scan = createJsonScanner(128)

function scanText(text: string): JsonScan {
  const bytes = Buffer.from(text)
  return scan(bytes, 0, bytes.length, 1000)
}

/** JSON.parse takes newlines and carriage returns between tokens, which the guard must not. */
function isJson(text: string): boolean {
  if (/[\r\n]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    assert.ok(error instanceof SyntaxError)
    return false
  }
}

describe('the JSON scanner', () => {
  it('accepts what JSON.parse accepts', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 6 }), (text) => scanText(text).fault === undefined))
  })

  it('agrees with JSON.parse about texts that are nearly JSON', () => {
    const pieces = [
      ...'{}[],:"\\/ \t\r'.split(''),
      '"a"',
      '"\\u00e9"',
      '"\\uD8"',
      '-0',
      '01',
      '1.',
      '.5',
      '1e5',
      '1E+',
      'true',
      'nul',
      'é',
    ]
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, (candidate) =>
        assert.equal(scanText(candidate).fault === undefined, isJson(candidate), candidate),
      ),
      { numRuns: 20_000 },
    )
  })

  for (const text of [
    '',
    ' ',
    'NaN',
    'Infinity',
    '-',
    '+1',
    '01',
    '1.',
    '.1',
    '1e',
    '0x10',
    'tru',
    'nulll',
    "{'a':1}",
    '{a:1}',
    '{"a":1,}',
    '[1,]',
    '[,1]',
    '{"a"}',
    '{"a":}',
    '{} {}',
    '{}}',
    '[}',
    '{]',
    '"',
    '"\\"',
    '"\\x41"',
    '"\\u12"',
    '"\\u12g4"',
    '/* c */{}',
    '{}//',
    '\ufeff{}',
    '\u00a0{}',
    '{"a":1;"b":2}',
  ]) {
    it(`refuses ${JSON.stringify(text)} as malformed`, () => assert.equal(scanText(text).fault, 'malformed-json'))
  }

  for (const text of ['{"a":"\u0000"}', '{"a":"\t"}', '{"a":\u000b1}', '{"a":\r1}', '\u0000', '{}\u0000', '"\u001f"']) {
    it(`refuses the control character in ${JSON.stringify(text)}`, () =>
      assert.equal(scanText(text).fault, 'control-character'))
  }

  it('lists the members of the outermost object with the bytes of keys and values', () => {
    const text = '{ "a" : [1, {"x": 2}] ,"\\u0062":"}{" , "c":{} }'
    const bytes = Buffer.from(text)
    const { shape, members } = scan(bytes, 0, bytes.length, 10)
    assert.equal(shape, 'object')
    assert.deepEqual(
      members.map((member) => [
        bytes.toString('utf8', member.keyStart, member.keyEnd),
        bytes.toString('utf8', member.start, member.end),
      ]),
      [
        ['a', '[1, {"x": 2}]'],
        ['\\u0062', '"}{"'],
        ['c', '{}'],
      ],
    )
  })

  it('lists the elements of the outermost array', () => {
    const bytes = Buffer.from('[1 , [2], {"k":[3]},"4" ]')
    const { shape, members } = scan(bytes, 0, bytes.length, 10)
    assert.equal(shape, 'array')
    assert.deepEqual(
      members.map(({ start, end }) => bytes.toString('utf8', start, end)),
      ['1', '[2]', '{"k":[3]}', '"4"'],
    )
  })

  it('finds no members in empty containers and scalars', () => {
    for (const text of ['{}', '[]', '[ ]', '1', '"x"', 'null']) assert.deepEqual(scanText(text).members, [], text)
  })

  it('still lists the members before a fault', () => {
    const text = '{"id":7,"method":"x","params":{"a":!}}'
    const { fault, members } = scanText(text)
    assert.equal(fault, 'malformed-json')
    assert.deepEqual(
      members.map(({ keyStart, keyEnd }) => text.slice(keyStart, keyEnd)),
      ['id', 'method'],
    )
  })

  it('scans a range of a buffer and nothing around it', () => {
    const bytes = Buffer.from('xx{"a":1}yy')
    assert.equal(scan(bytes, 2, 9, 10).fault, undefined)
    assert.equal(scan(bytes, 2, 10, 10).fault, 'malformed-json')
  })

  it('refuses one level more than the cap, and stops there', () => {
    assert.equal(scanText('['.repeat(128) + ']'.repeat(128)).fault, undefined)
    assert.equal(scanText('['.repeat(129) + ']'.repeat(129)).fault, 'too-deep')
    assert.equal(scanText(`${'{"a":'.repeat(128)}[]${'}'.repeat(128)}`).fault, 'too-deep')
    assert.equal(scanText('['.repeat(1_000_000)).at, 128)
  })

  it('refuses one member more than the cap', () => {
    const bytes = Buffer.from('[1,2,3]')
    assert.equal(scan(bytes, 0, bytes.length, 3).fault, undefined)
    assert.equal(scan(bytes, 0, bytes.length, 2).fault, 'too-many-members')
  })

  it('tells whether all is ASCII', () => {
    assert.equal(scanText('{"a":"b"}').ascii, true)
    assert.equal(scanText('{"a":"é"}').ascii, false)
    assert.equal(scanText('{"é":1}').ascii, false)
  })

  it('takes linear time for eight megabytes of what is hard to parse', () => {
    const size = 8 << 20
    const hostile = {
      'opening brackets': '['.repeat(size),
      'escapes in a string': `"${'\\\\'.repeat(size / 2)}"`,
      'unicode escapes': `"${'\\u0041'.repeat(size / 6)}"`,
      'backslashes without an end': `"${'\\"'.repeat(size / 2)}`,
      'keys of an object': `{"a":{${'"a":1,'.repeat(size / 6)}"a":1}}`,
      'digits of a number': '9'.repeat(size),
      'white space': ' '.repeat(size),
    }
    for (const [name, text] of Object.entries(hostile)) {
      const bytes = Buffer.from(text)
      const took = processorMs(() => scan(bytes, 0, bytes.length, 1000))
      assert.ok(took < 1500, `${name}: ${took} ms`)
    }
  })
})
