import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import assert from 'node:assert/strict'
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { ordinaryUser } from '../support/as-user.ts'
import { loopbackResolver, type LoopbackResolver } from '../support/loopback-resolver.ts'
import { asIdentity, glovebox } from '../support/mcp-client.ts'

const runner = ordinaryUser()
const web = createServer((_request, response) => response.end('the page'))
let resolver: LoopbackResolver
let file = ''

/** An MCP server whose one tool fetches what it is told to. */
const server = `
const { createInterface } = require('node:readline')
const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }))
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === 'initialize') answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'pages', version: '1' } })
  if (method === 'tools/list') answer(id, { tools: [{ name: 'fetch', inputSchema: { type: 'object' } }] })
  if (method !== 'tools/call') return
  const text = (text) => answer(id, { content: [{ type: 'text', text }] })
  require('node:http').get(params.arguments.url, (page) => page.on('data', (bytes) => text(String(bytes)))).on('error', (error) => text('refused: ' + error.code))
})
`

before(async () => {
  web.listen(0, '127.0.0.1')
  resolver = await loopbackResolver('pages.example.org', '127.0.0.1')
  const directory = path.join(runner.home, '.config/glovebox')
  mkdirSync(directory, { recursive: true })
  file = path.join(directory, 'glovebox.json')
  // Whatever is listened on inside can be asked about: ports of the rules, 80 and 443.
  const { port } = web.address() as AddressInfo
  const network = {
    ask: true,
    allow: [`other.example.org:${port}`],
    private: ['127.0.0.0/8'],
    resolvers: [resolver.address],
  }
  const servers = { pages: { command: runner.node, args: ['-e', server], sandbox: { network } } }
  writeFileSync(file, JSON.stringify({ mcpServers: servers }, null, 2))
  for (const made of [path.dirname(directory), directory, file]) chownSync(made, runner.uid, runner.gid)
})
after(() => {
  web.close()
  resolver.close()
})

interface Asked {
  readonly client: Client
  readonly questions: readonly { readonly message: string; readonly choices: readonly string[] }[]
  readonly fetch: (name?: string) => Promise<string>
}

async function connected(answer: string | undefined): Promise<Asked> {
  const [program, ...args] = asIdentity(runner, glovebox(runner, ['run', 'pages']))
  const transport = new StdioClientTransport({ command: program, args, env: { ...runner.env }, cwd: runner.home })
  const capabilities = answer === undefined ? {} : { elicitation: {} }
  const client = new Client({ name: 'test', version: '1.0.0' }, { capabilities })
  const questions: Asked['questions'][number][] = []
  if (answer !== undefined) {
    client.setRequestHandler('elicitation/create', ({ params }) => {
      const { message, requestedSchema } = params as unknown as {
        message: string
        requestedSchema: { properties: { answer: { enum: string[] } } }
      }
      questions.push({ message, choices: requestedSchema.properties.answer.enum })
      return { action: 'accept' as const, content: { answer } }
    })
  }
  await client.connect(transport)
  const { port } = web.address() as AddressInfo
  const fetch = async (name = 'pages.example.org'): Promise<string> => {
    const url = `http://${name}:${port}/`
    const { content } = (await client.callTool({ name: 'fetch', arguments: { url } })) as {
      content: { text: string }[]
    }
    return content[0]?.text ?? ''
  }
  return { client, questions, fetch }
}

test('a name that no rule has is asked about once; the answer holds, is in the record, and never reaches the server', async () => {
  const { client, questions, fetch } = await connected('once')
  try {
    assert.equal(await fetch(), 'the page')
    assert.equal(await fetch(), 'the page')
  } finally {
    await client.close()
  }
  assert.equal(questions.length, 1)
  assert.match(
    questions[0]?.message ?? '',
    /node\S* in the sandbox of "pages" wants to connect to pages\.example\.org on port \d+\. No rule/,
  )
  assert.match(
    questions[0]?.message ?? '',
    /"Always" adds "network": \{ "allow": \["pages\.example\.org:\d+"\] \} to "pages" in \S+glovebox\.json/,
  )
  assert.deepEqual(questions[0]?.choices, ['once', 'always', 'no'])
  assert.doesNotMatch(readFileSync(file, 'utf8'), /pages\.example\.org/)
  const [program, ...words] = glovebox(runner, [
    'audit',
    'query',
    '--kind',
    'ask-answer',
    '--server',
    'pages',
    '--json',
  ])
  const answers = runner
    .spawnSync(program, words)
    .stdout.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    answers.map(({ unmapped }) => [unmapped.answer, unmapped.by]),
    [['once', 'person']],
  )
})

test('a no is a no, and is not asked again; a client that cannot ask is not asked', async () => {
  const no = await connected('no')
  try {
    assert.match(await no.fetch(), /^refused: /)
    assert.match(await no.fetch(), /^refused: /)
    assert.equal(no.questions.length, 1)
    assert.match(await no.fetch('localhost.localdomain.internal'), /^refused: /)
    assert.equal(no.questions.length, 1, 'nobody is asked about a name that is never public')
  } finally {
    await no.client.close()
  }
  const mute = await connected(undefined)
  try {
    assert.match(await mute.fetch(), /^refused: /)
  } finally {
    await mute.client.close()
  }
})

test('an always is written to the configuration of the server, with a copy of what was there, and needs no question again', async () => {
  const before = readFileSync(file, 'utf8')
  const first = await connected('always')
  try {
    assert.equal(await first.fetch(), 'the page')
  } finally {
    await first.client.close()
  }
  const { port } = web.address() as AddressInfo
  const { allow } = JSON.parse(readFileSync(file, 'utf8')).mcpServers.pages.sandbox.network
  assert.deepEqual(allow, [`other.example.org:${port}`, `pages.example.org:${port}`])
  assert.notEqual(readFileSync(file, 'utf8'), before)
  const second = await connected('no')
  try {
    assert.equal(await second.fetch(), 'the page')
    assert.equal(second.questions.length, 0)
  } finally {
    await second.client.close()
  }
})
