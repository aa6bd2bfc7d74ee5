/**
 * Records what a real server and a client say to each other, as a fixture for the guard's tests and its fuzzer:
 *
 *     node fuzz/guard/record.ts filesystem|everything|modern -- CMD… > test/fixtures/transcripts/NAME.jsonl
 *
 * One line for each line on the wire: {"from": "client" | "server", "line": "…"}.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

interface Call {
  readonly method: string
  readonly params?: object
}

const legacyStart: readonly Call[] = [
  {
    method: 'initialize',
    params: {
      protocolVersion: '2025-11-25',
      capabilities: { roots: { listChanged: true }, sampling: {}, elicitation: {} },
      clientInfo: { name: 'transcript', version: '1.0.0' },
    },
  },
  { method: 'notifications/initialized' },
]

const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
  'io.modelcontextprotocol/clientInfo': { name: 'transcript', version: '1.0.0' },
}

const scenarios: Readonly<Record<string, readonly Call[]>> = {
  filesystem: [
    ...legacyStart,
    { method: 'ping' },
    { method: 'tools/list' },
    { method: 'tools/call', params: { name: 'list_allowed_directories', arguments: {} } },
    { method: 'tools/call', params: { name: 'read_text_file', arguments: { path: '/proc/version' } } },
    { method: 'prompts/list' },
  ],
  everything: [
    ...legacyStart,
    { method: 'server/discover', params: { _meta: modernMeta } },
    { method: 'tools/list', params: {} },
    { method: 'tools/call', params: { name: 'echo', arguments: { message: 'Grüße 👋 "quoted" \\ back' } } },
    { method: 'tools/call', params: { name: 'get-sum', arguments: { a: 1.5, b: -2e3 } } },
    {
      method: 'tools/call',
      params: {
        name: 'trigger-long-running-operation',
        arguments: { duration: 0.2, steps: 4 },
        _meta: { progressToken: 'p-1' },
      },
    },
    { method: 'tools/call', params: { name: 'trigger-sampling-request', arguments: { prompt: 'hi', maxTokens: 5 } } },
    { method: 'resources/list' },
    { method: 'resources/templates/list' },
    { method: 'prompts/list' },
    { method: 'prompts/get', params: { name: 'simple-prompt' } },
    { method: 'logging/setLevel', params: { level: 'debug' } },
    { method: 'tools/call', params: { name: 'no-such-tool', arguments: {} } },
  ],
  modern: [
    { method: 'server/discover', params: { _meta: modernMeta } },
    { method: 'tools/list', params: { _meta: modernMeta } },
    { method: 'tools/call', params: { name: 'add', arguments: { a: 1, b: 2 }, _meta: modernMeta } },
    { method: 'tools/call', params: { name: 'ask', arguments: {}, _meta: { ...modernMeta, progressToken: 9 } } },
    { method: 'tools/call', params: { name: 'nothing', arguments: {}, _meta: modernMeta } },
  ],
}

const canned: Readonly<Record<string, object>> = {
  'roots/list': { roots: [{ uri: 'file:///tmp', name: 'tmp' }] },
  'sampling/createMessage': { role: 'assistant', content: { type: 'text', text: 'hello' }, model: 'none' },
  'elicitation/create': { action: 'accept', content: { name: 'octocat' } },
}

const [name = '', , command = '', ...args] = process.argv.slice(2)
await record(scenarios[name] ?? [], command, args)

async function record(calls: readonly Call[], command: string, args: readonly string[]): Promise<void> {
  const server = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const answered = new Map<number, () => void>()
  createInterface({ input: server.stdout }).on('line', (line) => {
    say('server', line)
    const message = JSON.parse(line) as { id?: number; method?: string }
    if (message.id === undefined) return
    if (message.method === undefined) answered.get(message.id)?.()
    else send({ jsonrpc: '2.0', id: message.id, result: canned[message.method] ?? {} })
  })
  let id = 0
  for (const call of calls) {
    if (call.method.startsWith('notifications/')) {
      send({ ...call, jsonrpc: '2.0' })
      continue
    }
    const current = ++id
    const answer = new Promise<void>((resolve) => answered.set(current, resolve))
    // The official SDK writes the envelope's own members last.
    send({ ...call, jsonrpc: '2.0', id: current })
    await answer
  }
  send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id, reason: 'over' } })
  server.stdin.end()
  server.kill()

  function send(message: object): void {
    const line = JSON.stringify(message)
    say('client', line)
    server.stdin.write(`${line}\n`)
  }
}

function say(from: 'client' | 'server', line: string): void {
  process.stdout.write(`${JSON.stringify({ from, line })}\n`)
}
