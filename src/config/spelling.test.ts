import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GloveboxError } from '../errors.ts'
import { parseSource, type Spelling } from './spelling.ts'
import { placeOf, plainOf, type KeyPath, type Tree } from './tree.ts'
import { positionAt } from './source.ts'

const written: Readonly<Record<Spelling, string>> = {
  json: `// servers of this project
{
  "mcpServers": {
    "files": { "command": "node", "args": ["server.js", "--dir", "/srv"], },
    "notes": { "command": "python3", "enabled": false, "sandbox": { "limits": { "cpus": 0.5, "memory": "1G" } } },
  },
}
`,
  toml: `# servers of this project
[mcpServers.files]
command = "node"
args = ["server.js", '--dir', """/srv"""]

[mcpServers.notes]
command = "python3"
enabled = false
sandbox = { limits = { cpus = 0.5, memory = "1G" } }
`,
  yaml: `# servers of this project
mcpServers:
  files:
    command: node
    args: [server.js, --dir, /srv]
  notes:
    command: python3
    enabled: false
    sandbox:
      limits: { cpus: 0.5, memory: 1G }
`,
}

const spellings = Object.keys(written) as Spelling[]

const parse = async (spelling: Spelling, text: string): Promise<Tree> =>
  parseSource({ path: `glovebox.${spelling}`, text })

async function refuses(spelling: Spelling, text: string, place: string, why: RegExp): Promise<void> {
  await assert.rejects(parse(spelling, text), (error) => {
    assert.ok(error instanceof GloveboxError, String(error))
    assert.equal(error.code, 'POLICY_INVALID')
    assert.ok(error.message.startsWith(`glovebox.${spelling}:${place}: `), error.message)
    assert.match(error.message, why)
    assert.ok(error.fix)
    return true
  })
}

test('the three spellings of one configuration are one tree', async () => {
  const [json, toml, yaml] = await Promise.all(
    spellings.map(async (spelling) => plainOf(await parse(spelling, written[spelling]))),
  )
  assert.deepEqual(toml, json)
  assert.deepEqual(yaml, json)
})

test('each value has its place in the text', async () => {
  const place = async (spelling: Spelling, path: KeyPath): Promise<string> => {
    const { line, column } = positionAt(written[spelling], placeOf(await parse(spelling, written[spelling]), path))
    return `${line}:${column}`
  }
  const cpus: KeyPath = ['mcpServers', 'notes', 'sandbox', 'limits', 'cpus']
  const second: KeyPath = ['mcpServers', 'files', 'args', 1]
  assert.equal(await place('json', cpus), '5:81')
  assert.equal(await place('toml', cpus), '9:24')
  assert.equal(await place('yaml', cpus), '10:17')
  assert.equal(await place('json', second), '4:57')
  assert.equal(await place('toml', second), '4:22')
  assert.equal(await place('yaml', second), '5:23')
  assert.equal(await place('yaml', ['mcpServers', 'notes', 'url']), '6:3', 'the nearest place around what is not there')
})

test('a key that is written twice is an error at the second', async () => {
  await refuses('json', '{"a": 1,\n "a": 2}', '2:2', /"a" is written twice/)
  await refuses('toml', 'a = 1\na = 2', '2:1', /redefine/)
  await refuses('yaml', 'a: 1\na: 2', '2:1', /"a" is written twice/)
  await refuses('json', '{"x": {"\\u0061": 1, "a": 2}}', '1:21', /"a" is written twice/)
})

test('__proto__ is a key like any other and changes no object', async () => {
  const texts: Record<Spelling, string> = {
    json: '{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}',
    toml: '[__proto__]\npolluted = true\n[constructor.prototype]\npolluted = true',
    yaml: '__proto__: { polluted: true }\nconstructor: { prototype: { polluted: true } }',
  }
  for (const spelling of spellings) {
    const plain = plainOf(await parse(spelling, texts[spelling]))
    assert.deepEqual(Object.keys(plain as object), ['__proto__', 'constructor'], spelling)
    assert.equal(Object.getOwnPropertyDescriptor(Object.prototype, 'polluted'), undefined)
  }
})

test('nesting without end is an error, not an overflow', async () => {
  const deep = 100_000
  await refuses('json', '['.repeat(deep), '1:33', /nested more than 32/)
  await refuses('json', '{"a":'.repeat(deep), '1:161', /nested more than 32/)
  await refuses('toml', `a = ${'['.repeat(deep)}`, '1:37', /nested/)
  await refuses('toml', `a${'.a'.repeat(deep)} = 1`, '1:63', /nested more than 32/)
  await refuses('yaml', '['.repeat(deep), '1:33', /nested more than 32/)
  await refuses('yaml', `${'- '.repeat(deep)}a`, '1:65', /nested more than 32/)
  const steps = Array.from({ length: 300 }, (_, index) => `${' '.repeat(index)}a:`).join('\n')
  await refuses('yaml', steps, '33:33', /nested more than 32/)
})

test('what YAML can do beyond values is refused', async () => {
  await refuses('yaml', 'a: &a [x, x]\nb: &b [*a, *a]', '1:7', /anchors are not read/)
  await refuses('yaml', 'a: *a', '1:4', /alias|not YAML/)
  await refuses('yaml', 'a: !!js/function "x"', '1:4', /tag/)
  await refuses('yaml', 'a: !!str 1', '1:10', /tags are not read/)
  await refuses('yaml', '%YAML 1.1\n---\na: yes', '1:1', /directives are not read/)
  await refuses('yaml', 'a: 1\n---\nb: 2', '2:1', /second document/)
  assert.deepEqual(
    { ...(plainOf(await parse('yaml', 'a: yes\nb: no\nc: 1:30\nd: ~')) as object) },
    { a: 'yes', b: 'no', c: '1:30', d: null },
  )
})

test('values that are no plain values are refused', async () => {
  await refuses('json', '[1e999]', '1:2', /not a finite number/)
  await refuses('yaml', 'a: .inf', '1:4', /not a finite number/)
  await refuses('toml', 'a = nan', '1:5', /not a finite number/)
  await refuses('toml', 'a = 1979-05-27T07:32:00Z', '1:5', /dates and times/)
  await refuses('json', '["\\ud800"]', '1:2', /surrogate/)
})

test('the place of a syntax error counts lines of every kind and no byte order mark', async () => {
  await refuses('json', '\u{FEFF}{"a": x}', '1:7', /not JSON/)
  await refuses('json', '{\r\n"a" 1}', '2:5', /colon/)
  await refuses('toml', 'a = 1\r\nb = \r\nc = 3', '2:5', /not TOML/)
  await refuses('yaml', 'a: 1\r\nb: "x', '2:6', /not YAML/)
})

test('an empty file says nothing', async () => {
  for (const spelling of spellings) assert.deepEqual(Object.keys(plainOf(await parse(spelling, '')) as object), [])
})
