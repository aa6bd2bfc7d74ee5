import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { root } from '../checks.ts'
import { generate } from './generate.ts'
import { parseProto } from './parse.ts'
import { protocolText, target } from './protocol.ts'

test('The types of the channel are those of its protocol file (npm run build:protocol).', () => {
  assert.equal(readFileSync(path.join(root, target), 'utf8'), protocolText())
})

const head = 'syntax = "proto3";\npackage a.b.v1;\n'

test('What the generator does not know is an error with its line, never left out.', () => {
  const wrong: [string, RegExp][] = [
    ['message A { map<string, string> b = 1; }', /line 3: "<"/],
    ['message A { uint32 b = 1 [deprecated = true]; }', /line 3: "\["/],
    ['message A { message B {} }', /line 3: "\{"/],
    ['import "other.proto";', /line 3: "import"/],
    ['message A { reserved 1; }', /line 3: "1"/],
    ['enum E { option allow_alias = true; }', /line 3: "allow_alias"/],
    ['message A { uint32 b = 1;', /instead of a name/],
  ]
  for (const [text, message] of wrong) assert.throws(() => parseProto(head + text), message)
  assert.throws(() => generate(parseProto(`${head}message A { sint64 b = 1; }`), 'x'), /the type sint64 is not known/)
})

test('A comment belongs to what stands right below it, and one above a gap to nothing.', () => {
  const file = parseProto(
    `${head}// section\n\n// of A\n// more\nmessage A {\n  // of b\n  uint32 b = 1;\n\n  // lost\n\n  uint32 c = 2;\n}\n`,
  )
  assert.deepEqual(file.messages[0]?.comment, ['of A', 'more'])
  assert.deepEqual(
    file.messages[0]?.fields.map(({ comment }) => comment),
    [['of b'], []],
  )
})
