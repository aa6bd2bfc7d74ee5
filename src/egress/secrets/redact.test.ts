import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { byName, createRedactor, redactBytes, sameLength, spellingsOf } from './redact.ts'

const value = 'pa/ss w+rd"\\?&é42'
const placeholder = 'glovebox-secret-API_TOKEN-0123456789abcdef0123456789abcdef'

const spelled: Readonly<Record<string, string>> = {
  'as it is': value,
  'in a URL': encodeURIComponent(value),
  'in a form': encodeURIComponent(value).replaceAll('%20', '+'),
  'in a JSON text': JSON.stringify({ authorization: value }),
  'in base64': Buffer.from(`me:${value}`).toString('base64'),
  'in base64 for URLs': Buffer.from(`who:${value}`).toString('base64url'),
}

for (const [name, text] of Object.entries(spelled)) {
  test(`a value that comes back ${name} is replaced at its own length, wherever the pieces end`, () => {
    const needles = sameLength(value, placeholder)
    const all = fc.tuple(fc.string(), fc.string(), fc.array(fc.nat({ max: 200 }), { maxLength: 6 }))
    fc.assert(
      fc.property(all, ([before, after, cuts]) => {
        const bytes = Buffer.from(`${before}${text}${after}`)
        const redactor = createRedactor(needles)
        const ends = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))].toSorted((a, b) => a - b)
        const out = [...ends, bytes.length].map((to, index, all) =>
          redactor.push(bytes.subarray(all[index - 1] ?? 0, to)),
        )
        const clean = Buffer.concat([...out, redactor.end()])
        assert.equal(clean.length, bytes.length)
        for (const spelling of spellingsOf(value)) assert.ok(!clean.includes(spelling))
        assert.ok(clean.includes('glovebox-'), clean.toString())
        assert.deepEqual(clean.subarray(0, Buffer.byteLength(before)), Buffer.from(before))
      }),
    )
  })
}

test('bytes without the value go on as they are', () => {
  const nearly = fc.constantFrom(value.slice(0, -1), value.slice(1), encodeURIComponent(value).slice(0, 9))
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), nearly)), (pieces) => {
      // Two of the pieces may make the value together.
      fc.pre(!spellingsOf(value).some((each) => Buffer.from(pieces.join('')).includes(each)))
      const redactor = createRedactor(sameLength(value, placeholder))
      const out = pieces.map((piece) => redactor.push(Buffer.from(piece)))
      assert.deepEqual(Buffer.concat([...out, redactor.end()]), Buffer.from(pieces.join('')))
    }),
  )
})

test('of two values that begin alike the longer is replaced as a whole', () => {
  const needles = [...byName('token-12345', 'A'), ...byName('token-1234567890', 'B')]
  const clean = redactBytes(Buffer.from('x token-1234567890 token-12345 y'), needles)
  assert.equal(clean.toString(), 'x [secret B] [secret A] y')
})
