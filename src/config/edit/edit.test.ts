import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { GloveboxError } from '../../errors.ts'
import type { Spelling } from '../spelling.ts'
import { parseAs } from '../spelling.ts'
import { plainOf, type Plain } from '../tree.ts'
import { editText } from './edit.ts'

const entry: Plain = { command: 'npx', args: ['-y', 'notes'], sandbox: { limits: { memory: '256M' } } }

const add = async (spelling: Spelling, text: string, name: string = 'notes'): Promise<string> =>
  editText(spelling, text, { kind: 'set', path: ['mcpServers', name], value: entry })
const remove = async (spelling: Spelling, text: string, name: string): Promise<string> =>
  editText(spelling, text, { kind: 'remove', path: ['mcpServers', name] })
const disable = async (spelling: Spelling, text: string, name: string): Promise<string> =>
  editText(spelling, text, { kind: 'set', path: ['mcpServers', name, 'enabled'], value: false })

const json = `{
  // every server of the team
  "mcpServers": {
    /* reads only */
    "files": { "command": "node", "args": ["a.js"] }, // keep it small
    "web": {
      "command": "uvx", // python
    },
  },
  "defaults": {} // none yet
}
`

test('JSON: a server is added behind the last, and every other byte stays', async () => {
  const added = await add('json', json)
  const block = `    "notes": {
      "command": "npx",
      "args": ["-y", "notes"],
      "sandbox": {
        "limits": {
          "memory": "256M"
        }
      }
    },
`
  assert.equal(added, json.replace('    },\n  },\n', `    },\n${block}  },\n`))
})

test('JSON: a server that is added and removed leaves the text as it was', async () => {
  assert.equal(await remove('json', await add('json', json), 'notes'), json)
})

test('JSON: a value is set in its line', async () => {
  const disabled = await disable('json', json, 'files')
  assert.equal(disabled, json.replace('["a.js"] }', '["a.js"], "enabled": false }'))
  const enabled = await editText('json', disabled, {
    kind: 'set',
    path: ['mcpServers', 'files', 'enabled'],
    value: true,
  })
  assert.equal(enabled, json.replace('["a.js"] }', '["a.js"], "enabled": true }'))
})

test('JSON: tabs, line breaks of either kind and a byte order mark are kept', async () => {
  const text = '\u{FEFF}{\r\n\t"mcpServers": {\r\n\t\t"files": {\r\n\t\t\t"command": "node"\r\n\t\t}\r\n\t}\r\n}\r\n'
  const added = await add('json', text)
  assert.ok(added.startsWith('\u{FEFF}{\r\n\t"mcpServers": {\r\n\t\t"files": {'))
  assert.ok(added.includes('\r\n\t\t"notes": {\r\n\t\t\t"command": "npx",'))
  assert.ok(!/[^\r]\n/.test(added))
})

test('JSON: the last of several is removed together with the comma in front of it', async () => {
  const text = '{"mcpServers": {"a": {"command": "x"}, "b": {"command": "y"}}}'
  assert.equal(await remove('json', text, 'b'), '{"mcpServers": {"a": {"command": "x"}}}')
  assert.equal(await remove('json', text, 'a'), '{"mcpServers": {"b": {"command": "y"}}}')
})

const toml = `# every server of the team
[defaults]
mode = "audit" # for now

[mcpServers.files] # reads only
command = "node"
args = [
  "a.js", # the program
]

[mcpServers.files.sandbox.limits]
memory = "1G"

# python
[mcpServers.web]
command = "uvx"
`

test('TOML: a server is added at the end, and every other byte stays', async () => {
  const added = await add('toml', toml)
  assert.equal(
    added,
    `${toml}\n[mcpServers.notes]\ncommand = "npx"\nargs = [ "-y", "notes" ]\n\n[mcpServers.notes.sandbox.limits]\nmemory = "256M"\n`,
  )
  assert.equal(await remove('toml', added, 'notes'), toml)
})

test('TOML: a server is removed with all its tables, the comments of the others stay', async () => {
  const head = toml.slice(0, toml.indexOf('\n[mcpServers.files]'))
  const tail = toml.slice(toml.indexOf('\n# python'))
  assert.equal(await remove('toml', toml, 'files'), head + tail)
})

test('TOML: a value is set at the top of its table, or in its place', async () => {
  const disabled = await disable('toml', toml, 'files')
  assert.equal(disabled, toml.replace('# reads only\n', '# reads only\nenabled = false\n'))
  const enabled = await editText('toml', disabled, {
    kind: 'set',
    path: ['mcpServers', 'files', 'enabled'],
    value: true,
  })
  assert.equal(enabled, toml.replace('# reads only\n', '# reads only\nenabled = true\n'))
})

test('TOML: dotted keys and inline tables are edited where that is possible', async () => {
  assert.equal(
    await disable('toml', '[mcpServers]\na = { command = "x" }\n', 'a'),
    '[mcpServers]\na = { enabled = false, command = "x" }\n',
  )
  assert.equal(
    await remove('toml', 'mcpServers.a.command = "x"\nmcpServers.b.command = "y"\n', 'a'),
    'mcpServers.b.command = "y"\n',
  )
})

test('TOML: a list is begun in a table of its own, and replaced where it stands', async () => {
  const set = async (text: string, value: readonly string[]): Promise<string> =>
    editText('toml', text, { kind: 'set', path: ['mcpServers', 'a', 'sandbox', 'network', 'allow'], value })
  const begun = await set('[mcpServers.a]\ncommand = "x" # why\n', ['b.example'])
  assert.equal(
    begun,
    '[mcpServers.a]\ncommand = "x" # why\n\n[mcpServers.a.sandbox.network]\nallow = [ "b.example" ]\n',
  )
  const longer = await set(begun, ['b.example', 'c.example'])
  assert.equal(longer, begun.replace('"b.example"', '"b.example", "c.example"'))
  const inline = '[mcpServers.a]\ncommand = "x"\nsandbox = { network = { allow = ["b.example"], deny = [] } }\n'
  assert.match(await set(inline, ['c.example']), /network = \{ allow = \[ "c\.example" \], deny = \[\] \}/)
})

test('TOML: what cannot be edited alone is refused with what to write', async () => {
  await assert.rejects(add('toml', 'mcpServers = { a = { command = "x" } }\n'), (error) => {
    assert.ok(error instanceof GloveboxError)
    assert.equal(error.code, 'FAILED')
    assert.match(
      error.fix ?? '',
      /write by hand, into mcpServers: notes = \{ command = "npx", args = \["-y", "notes"\]/,
    )
    return true
  })
  // What it says is TOML, and means what was wanted.
  await assert.rejects(disable('toml', 'mcpServers.a.command = "x"\n', 'a'), {
    message: /cannot be edited without touching/,
    fix: 'write as the first line: mcpServers.a.enabled = false',
  })
})

const yaml = `# every server of the team
mcpServers:
  # reads only
  files:
    command: node # the program
    args: [a.js]

  # python
  web:
    command: uvx
# the end
`

test('YAML: comments, order and the look of values are kept', async () => {
  const added = await add('yaml', yaml)
  for (const line of yaml.split('\n')) assert.ok(added.includes(line), line)
  assert.ok(added.indexOf('files:') < added.indexOf('web:') && added.indexOf('web:') < added.indexOf('notes:'))
  const back = await remove('yaml', added, 'notes')
  for (const line of yaml.split('\n')) assert.ok(back.includes(line), line)
  assert.match(await disable('yaml', yaml, 'files'), /args: \[a\.js\]\n {4}enabled: false\n/)
})

test('an empty file gets its first server in each spelling', async () => {
  for (const spelling of ['json', 'toml', 'yaml'] as const) {
    const text = await add(spelling, '')
    assert.deepEqual({ ...(plainOf(await parseAs(spelling, text)) as object) }, plainEntry('notes'), spelling)
  }
})

function plainEntry(name: string): unknown {
  return structuredCloneWithoutPrototype({ mcpServers: { [name]: entry } })
}

function structuredCloneWithoutPrototype(value: unknown): unknown {
  const bare = (inner: unknown): unknown => {
    if (Array.isArray(inner)) return inner.map(bare)
    if (typeof inner !== 'object' || inner === null) return inner
    return Object.assign(
      Object.create(null),
      Object.fromEntries(Object.entries(inner).map(([key, item]) => [key, bare(item)])),
    )
  }
  return { ...(bare(value) as object) }
}

test('whatever servers there are, adding and removing one more changes none of them and no comment', async () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}$/)
  const word = fc.string({ maxLength: 12 }).filter((text) => !text.includes('\0') && text.isWellFormed())
  const server = fc.record({ command: word, args: fc.array(word, { maxLength: 3 }), enabled: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(name, server), { selector: ([key]) => key, maxLength: 5 }),
      async (servers) => {
        const before = commented(servers.filter(([key]) => key !== 'notes'))
        for (const spelling of ['json', 'toml', 'yaml'] as const) {
          const text = before[spelling]
          const added = await add(spelling, text)
          const comments = text.match(/note \d+/g) ?? []
          assert.deepEqual(added.match(/note \d+/g) ?? [], comments, spelling)
          const back = await remove(spelling, added, 'notes')
          assert.deepEqual(back.match(/note \d+/g) ?? [], comments, spelling)
          if (spelling !== 'yaml' && servers.length > 0) assert.equal(back, text, spelling)
        }
      },
    ),
    { numRuns: 200 },
  )
})

/** The same servers in three spellings, with a comment in front of each. */
function commented(
  servers: readonly [string, { command: string; args: string[]; enabled: boolean }][],
): Record<Spelling, string> {
  const quote = (text: string): string => JSON.stringify(text).replaceAll('\u{7f}', String.raw`\u007f`)
  const list = (args: readonly string[]): string => `[${args.map(quote).join(', ')}]`
  return {
    json: `{\n  "mcpServers": {\n${servers
      .map(
        ([key, { command, args, enabled }], index) =>
          `    // note ${index}\n    ${quote(key)}: { "command": ${quote(command)}, "args": ${list(args)}, "enabled": ${enabled} },\n`,
      )
      .join('')}  }\n}\n`,
    toml: servers
      .map(
        ([key, { command, args, enabled }], index) =>
          `# note ${index}\n[mcpServers.${quote(key)}]\ncommand = ${quote(command)}\nargs = ${list(args)}\nenabled = ${enabled}\n`,
      )
      .join('\n'),
    yaml: `mcpServers:\n${servers
      .map(
        ([key, { command, args, enabled }], index) =>
          `  # note ${index}\n  ${quote(key)}:\n    command: ${quote(command)}\n    args: ${list(args)}\n    enabled: ${enabled}\n`,
      )
      .join('')}`,
  }
}
