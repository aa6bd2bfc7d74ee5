import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import type * as language from 'vscode-json-languageservice'
import { configJsonSchema, configSchemaText } from './json-schema.ts'

// What VS Code itself asks: completion, hover and diagnostics by the language service that it ships.
// A UMD module, of which Node does not find the names of all exports.
const json = createRequire(import.meta.url)('vscode-json-languageservice') as typeof language
const service = json.getLanguageService({})
service.configure({ schemas: [{ uri: 'glovebox', fileMatch: ['*'], schema: configJsonSchema() }] })

/** A document with the place of `|`, which is taken out. */
function documentOf(marked: string) {
  const at = marked.indexOf('|')
  const document = json.TextDocument.create('file:///glovebox.json', 'jsonc', 1, marked.replace('|', ''))
  return { document, position: document.positionAt(at), parsed: service.parseJSONDocument(document) }
}

async function completions(marked: string): Promise<string[]> {
  const { document, position, parsed } = documentOf(marked)
  const list: language.CompletionList | null = await service.doComplete(document, position, parsed)
  return (list?.items ?? []).map(({ label }) => label.replaceAll('"', '')).toSorted()
}

async function hover(marked: string): Promise<string> {
  const { document, position, parsed } = documentOf(marked)
  const found: language.Hover | null = await service.doHover(document, position, parsed)
  return JSON.stringify(found?.contents ?? '')
}

async function diagnostics(text: string): Promise<string[]> {
  const { document, parsed } = documentOf(text)
  return (await service.doValidation(document, parsed)).map(({ message }) => (typeof message === 'string' ? message : message.value))
}

test('the schema in the repository is the one that the code makes', () => {
  const file = new URL('../../../schema/glovebox.schema.json', import.meta.url)
  assert.equal(readFileSync(file, 'utf8'), configSchemaText(), 'npm run build:schema')
})

test('an editor completes the keys of a server, of its sandbox and of its limits', async () => {
  assert.deepEqual(await completions('{ | }'), ['$schema', 'defaults', 'gateway', 'mcpServers', 'microvm'])
  const server = await completions('{ "mcpServers": { "files": { "command": "node", | } } }')
  assert.ok(server.includes('sandbox') && server.includes('env') && !server.includes('command'))
  const limits = await completions('{ "mcpServers": { "files": { "sandbox": { "limits": { | } } } } }')
  assert.deepEqual(limits, ['cpus', 'disk', 'idle', 'memory', 'message', 'openFiles', 'output', 'pids', 'time'])
  assert.deepEqual(await completions('{ "defaults": { "limits": { | } } }'), limits)
})

test('an editor completes the values of a choice', async () => {
  const drivers = await completions('{ "mcpServers": { "files": { "sandbox": { "driver": | } } } }')
  assert.deepEqual(drivers, ['container', 'jail', 'kubernetes', 'microvm'])
  const controls = await completions('{ "defaults": { "allowDegraded": [ | ] } }')
  assert.ok(controls.includes('fs.exec') && controls.includes('memory'))
})

test('an editor offers the presets of the network', async () => {
  const rules = await completions('{ "defaults": { "network": { "allow": [ | ] } } }')
  assert.ok(rules.includes('preset:npm') && rules.includes('preset:github'))
})

test('an editor tells what a key means when the mouse is over it', async () => {
  assert.match(await hover('{ "mcpServers": { "files": { "sandbox": { "limits": { "mem|ory": "1G" } } } } }'), /tmpfs included/)
  assert.match(await hover('{ "mcpServers": { "files": { "sand|box": {} } } }'), /What its sandbox may do/)
  assert.match(await hover('{ "mcpServers": { "files": { "sandbox": { "driver": "mic|rovm" } } } }'), /a virtual machine of its own/)
})

test('an editor marks what we refuse, and nothing that we take', async () => {
  const server = (sandbox: string): string => `{ "mcpServers": { "files": { "command": "node", "sandbox": ${sandbox} } } }`
  assert.deepEqual(await diagnostics(server('{ "limits": { "memory": "512M", "time": "60s", "cpus": 0.5 }, "network": { "allow": [] } }')), [])
  assert.deepEqual(await diagnostics(server('{ "limits": { "memory": 512, "output": "50k" } }')), [])
  for (const wrong of [
    '{ "memory": "1G" }',
    '{ "limits": { "memory": "lots" } }',
    '{ "limits": { "cpus": 0 } }',
    '{ "driver": "jial" }',
    '{ "filesystem": { "read": "/srv" } }',
    '{ "secrets": { "not a name": { "from": "env:X" } } }',
    '{ "secrets": { "TOKEN": {} } }',
  ]) {
    assert.notDeepEqual(await diagnostics(server(wrong)), [], wrong)
  }
  assert.notDeepEqual(await diagnostics('{ "mcpServers": { "a b": { "command": "x" } } }'), [])
  assert.notDeepEqual(await diagnostics('{ "mcpServers": { "files": {} } }'), [])
})
