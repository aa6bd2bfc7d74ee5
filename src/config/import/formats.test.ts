import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configShape } from '../schema/config.ts'
import { readShape } from '../schema/shape.ts'
import { treeOf, type Plain } from '../tree.ts'
import { readForeign } from './formats.ts'
import type { Imported, ImportedServer } from './imported.ts'

const read = (file: Plain, options: { bareNames?: boolean } = {}): Imported => {
  const found = readForeign(treeOf(file), { project: '/p', home: '/h', ...options })
  assert.ok(found)
  return found
}
const told = ({ notes }: Imported): string[] => notes.map(({ key, verdict, say }) => `${key}: ${verdict}, ${say}`)
const off = ({ servers }: Imported): string[] =>
  Object.entries(servers).flatMap(([name, { enabled }]) => (enabled === false ? [name] : []))
const node = { command: 'node' }
const one = (server: Plain, options: { bareNames?: boolean } = {}): { server: ImportedServer; lines: string[] } => {
  const found = read({ mcpServers: { a: server } }, options)
  const { a } = found.servers
  assert.ok(a)
  return { server: a, lines: told(found) }
}
const guard = { GLOVEBOX_IMPORT_UNFINISHED: '${env:GLOVEBOX_IMPORT_UNFINISHED}' }

test('a server that Claude lists as switched off stays off', () => {
  for (const key of ['disabledMcpServers', 'disabledMcpjsonServers']) {
    const found = read({ mcpServers: { files: node, other: node }, [key]: ['files'] })
    assert.deepEqual(off(found), ['files'])
    assert.deepEqual(
      told(found).filter((line) => line.startsWith('disabled')),
      [`${key}: taken, off here too: "files"`],
    )
  }
})

test('a list of servers that are off names them as the file does, not as they are called here', () => {
  const found = read({ mcpServers: { 'my server': node }, disabledMcpServers: ['my server'] })
  assert.deepEqual(off(found), ['my-server'])
  const both = read({ mcpServers: { 'A B': node, 'A-B': { command: 'deno' } }, disabledMcpServers: ['A-B'] })
  assert.deepEqual(both.servers, { 'A-B-2': node, 'A-B': { command: 'deno', enabled: false } })
})

test('a server that Claude has switched off in a project stays off, and only the one of that project', () => {
  const found = read({
    mcpServers: { files: node },
    projects: {
      '/a': { mcpServers: { files: { command: 'deno' } }, disabledMcpServers: ['files'] },
      '/b': { mcpServers: { web: node }, disabledMcpServers: ['files'], disabledMcpjsonServers: [] },
    },
  })
  assert.deepEqual(off(found), ['files-2'])
  const lines = told(found)
  assert.ok(
    lines.includes(
      'projects./b.disabledMcpServers[0]: look, "files": it is off in that project only, and stays on here; write "enabled": false where it is meant to be off',
    ),
  )
  assert.ok(lines.every((line) => !line.includes('disabledMcpjsonServers')))
})

test('servers that Gemini excludes, or does not allow, stay off', () => {
  const mcpServers = { g: node, h: node }
  assert.deepEqual(off(read({ mcpServers, mcp: { excluded: ['g'] } })), ['g'])
  assert.deepEqual(off(read({ mcpServers, mcp: { allowed: ['g'] } })), ['h'])
  assert.deepEqual(off(read({ mcpServers, excludeMCPServers: ['g'] })), ['g'])
  const both = read({ mcpServers, mcp: { allowed: ['g'], excluded: ['g'], serverCommand: 'x' } })
  assert.deepEqual(off(both), ['g', 'h'])
  const lines = told(both)
  assert.ok(lines.includes('mcp.serverCommand: left out, no servers are in it'))
  assert.ok(!lines.includes('mcp: left out, no servers are in it'))
})

test('a name in such a list that no server has, and a list that is none, are told', () => {
  const lines = told(read({ mcpServers: { a: node }, disabledMcpServers: ['gone', 3], mcp: { excluded: 'a' } }))
  assert.ok(
    lines.includes('disabledMcpServers[0]: look, "gone": no server that was taken from this file has this name'),
  )
  assert.ok(lines.includes('disabledMcpServers[1]: look, a text is meant here: left out'))
  assert.ok(lines.includes('disabledMcpServers: taken, it switches off none of these servers'))
  assert.ok(lines.includes('mcp.excluded: look, a list of texts is meant here: left out'))
})

test('a server with a text that nobody replaces here is off, and cannot be started by switching it on alone', () => {
  for (const [args, kept] of [
    [['--token=${env:TOKEN}'], ['--token=$ {env:TOKEN}']],
    [['${TOKEN}'], ['${TOKEN}']],
    [['${input:unclosed'], ['$ {input:unclosed']],
  ] as const) {
    const { server, lines } = one({ command: 'node', args })
    assert.deepEqual(server, { command: 'node', args: kept, env: guard, enabled: false })
    assert.ok(
      lines.some((line) => line.startsWith('mcpServers.a: look, it is off: write the value of "${')),
      lines.join('\n'),
    )
    const { problems } = readShape(configShape, treeOf({ mcpServers: { a: server as unknown as Plain } }))
    assert.deepEqual(problems, [], 'the configuration is read with it')
  }
  const { server, lines } = one({ command: 'node', env: { API_TOKEN: 'Bearer ${TOKEN}', B: '${B}' } })
  assert.deepEqual(server.env, { API_TOKEN: 'Bearer ${TOKEN}', B: '${env:B}', ...guard })
  assert.ok(lines.every((line) => !line.includes('a secret in plain text')))
  const remote = one({ url: 'https://a.example/mcp', headers: { Authorization: 'Bearer ${TOKEN}' } })
  assert.equal(remote.server.enabled, false)
  assert.equal(remote.server.env, undefined)
})

test('Gemini’s $NAME is a variable wherever it stands, and a text in the files of others', () => {
  const gemini = { trust: true, command: '$HOME/bin/x', env: { A: '$api_key', B: 'x-$B' }, args: ['-t', '$TOKEN'] }
  const { server, lines } = one(gemini)
  assert.deepEqual(server, {
    command: '/h/bin/x',
    env: { A: '${env:api_key}', B: 'x-${B}', ...guard },
    args: ['-t', '${TOKEN}'],
    enabled: false,
  })
  assert.ok(lines.includes('mcpServers.a.args[1]: look, ${TOKEN} is not replaced here: write the value'))
  assert.equal(one({ command: 'node', args: ['$TOKEN'] }, { bareNames: true }).server.enabled, false)
  const { server: literal } = one({ command: 'sh', args: ['-c', 'echo $TOKEN'], env: { A: '$TOKEN' } })
  assert.deepEqual(literal, { command: 'sh', args: ['-c', 'echo $TOKEN'], env: { A: '${env:TOKEN}' } })
})

test('the default of a variable is told with its name, since it is lost', () => {
  const { server, lines } = one({ command: 'node', env: { REGION: '${REGION:-eu}' } })
  assert.deepEqual(server, { command: 'node', env: { REGION: '${env:REGION}' } })
  assert.ok(
    lines.includes(
      'mcpServers.a.env.REGION: look, copied from our environment: ${env:REGION}; what it is without REGION, "eu", is lost: set REGION, or write the value',
    ),
  )
  assert.deepEqual(one({ command: '${HOME:-/root}/x' }).server, { command: '/h/x' })
})

test('the directory of a project’s server is that project’s, not that of the file', () => {
  const server = { command: '${CLAUDE_PROJECT_DIR}/x', args: ['${CLAUDE_PROJECT_DIR:-.}'] }
  const { servers } = read({ mcpServers: { all: server }, projects: { '/work/a': { mcpServers: { a: server } } } })
  assert.deepEqual(servers, {
    all: { command: '/p/x', args: ['/p'] },
    a: { command: '/work/a/x', args: ['/work/a'] },
  })
})

test('two names that agree in all that a name can be long become two names', () => {
  const [same, ten] = ['n'.repeat(64), Array.from({ length: 10 }, (_, index) => index)]
  const found = read({ mcpServers: Object.fromEntries(ten.map((index) => [`${same}${index}`, node])) })
  const names = Object.keys(found.servers)
  assert.deepEqual(names.slice(0, 2), [same, `${same.slice(2)}-2`])
  assert.equal(names.at(-1), `${same.slice(3)}-10`)
  const { problems } = readShape(configShape, treeOf({ mcpServers: found.servers as unknown as Plain }))
  assert.deepEqual(problems, [])
})
