import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GloveboxError } from '../errors.ts'
import { createMcpConnection, type JsonObject, type McpConnection } from './connection.ts'
import { shakeHands } from './handshake.ts'
import { listTools } from './tools.ts'

type Message = { id?: number; method?: string; params?: JsonObject; result?: JsonObject; error?: { code: number } }

/** A server that answers each message with what the test says; undefined: not at all. */
function against(answer: (message: Message) => object | undefined): { connection: McpConnection; asked: Message[] } {
  const connection = createMcpConnection()
  const asked: Message[] = []
  connection.streams.clientIn.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString().trim().split('\n')) {
      const message = JSON.parse(line) as Message
      asked.push(message)
      const said = answer(message)
      if (said !== undefined) say(connection, { jsonrpc: '2.0', id: message.id, ...said })
    }
  })
  return { connection, asked }
}

function say(connection: McpConnection, message: object): void {
  connection.streams.clientOut.write(`${JSON.stringify(message)}\n`)
}

const refused = { error: { code: -32601, message: 'no' } }

test('a server with sessions is initialized, in the version that it names', async () => {
  const serverInfo = { name: 'x', version: '1' }
  const { connection, asked } = against(({ method }) =>
    method === 'initialize' ? { result: { protocolVersion: '2025-06-18', capabilities: {}, serverInfo } } : undefined,
  )
  const self = await shakeHands(connection)
  assert.deepEqual([self.era, self.protocolVersion, self.name], ['session', '2025-06-18', 'x'])
  await new Promise(setImmediate)
  assert.deepEqual(
    asked.map(({ method }) => method),
    ['initialize', 'notifications/initialized'],
  )
})

test('one that refuses that is asked to tell about itself, and gets the version with each request', async () => {
  const { connection, asked } = against(({ method }) => {
    if (method === 'server/discover')
      return { result: { supportedVersions: ['2026-07-28'], capabilities: { tools: {} } } }
    return method === 'tools/list' ? { result: { tools: [{ name: 'a' }] } } : refused
  })
  const self = await shakeHands(connection)
  assert.equal(self.era, 'stateless')
  assert.deepEqual(await listTools(connection, self), [{ name: 'a' }])
  const meta = asked.at(-1)?.params?.['_meta'] as JsonObject
  assert.equal(meta['io.modelcontextprotocol/protocolVersion'], '2026-07-28')
})

test('one that speaks neither, or another version, is refused with its words', async () => {
  await assert.rejects(shakeHands(against(() => refused).connection), /refused the handshake: no \(-32601\)/)
  const future = against(() => ({ result: { protocolVersion: '2031-01-01', capabilities: {} } }))
  await assert.rejects(shakeHands(future.connection), /another version of MCP: 2031-01-01/)
})

test('what takes too long is cancelled, and what is not wanted any more too', async () => {
  const { connection, asked } = against(() => undefined)
  await assert.rejects(
    connection.request('tools/call', {}, { timeMs: 20 }),
    (error) => error instanceof GloveboxError && error.code === 'TIMED_OUT',
  )
  const gone = new AbortController()
  const waiting = connection.request('tools/call', {}, { signal: gone.signal })
  gone.abort(new Error('gone'))
  await assert.rejects(waiting, /gone/)
  await new Promise(setImmediate)
  const cancelled = asked.filter(({ method }) => method === 'notifications/cancelled')
  assert.deepEqual(
    cancelled.map(({ params }) => params?.['requestId']),
    [1, 2],
  )
})

test('an end is told to who waits and to who asks later', async () => {
  const { connection } = against(() => undefined)
  const waiting = connection.request('tools/call', {})
  connection.end('it died')
  await assert.rejects(waiting, /it died/)
  await assert.rejects(connection.request('tools/list', {}), /it died/)
})

test('tools come page by page, and pages without an end are not followed for ever', async () => {
  const { connection } = against(({ params }) => {
    const page = Number(params?.['cursor'] ?? 0)
    return { result: { tools: [{ name: `t${page}` }, 'no tool'], ...(page < 2 && { nextCursor: String(page + 1) }) } }
  })
  const self = {
    era: 'session',
    protocolVersion: '2025-11-25',
    name: 'x',
    version: '1',
    capabilities: { tools: {} },
    instructions: undefined,
  } as const
  assert.deepEqual(
    (await listTools(connection, self)).map(({ name }) => name),
    ['t0', 't1', 't2'],
  )
  const endless = against(() => ({ result: { tools: [], nextCursor: 'again' } }))
  await assert.rejects(listTools(endless.connection, self), /more than 100 pages/)
})

test('what a server asks is answered: a ping, and that there is nothing else', async () => {
  const { connection, asked } = against(() => undefined)
  say(connection, { jsonrpc: '2.0', id: 'a', method: 'ping' })
  say(connection, { jsonrpc: '2.0', id: 'b', method: 'sampling/createMessage', params: {} })
  await new Promise(setImmediate)
  assert.deepEqual(
    asked.map(({ result, error }) => result ?? error?.code),
    [{}, -32601],
  )
})

test('whatever lines come, and however they are cut, a request is answered by its own answer alone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.json(),
          fc.string().map((text) => text.replaceAll('\n', ' ')),
        ),
      ),
      fc.integer({ min: 1, max: 9 }),
      async (noise, size) => {
        const { connection } = against(() => undefined)
        const asked = connection.request('tools/list', {})
        const lines = [
          ...noise.filter((line) => !line.includes('"id"')),
          '{"jsonrpc":"2.0","id":1,"result":{"own":true}}',
          '',
        ]
        const bytes = Buffer.from(lines.join('\n'))
        for (let at = 0; at < bytes.length; at += size)
          connection.streams.clientOut.write(bytes.subarray(at, at + size))
        assert.deepEqual(await asked, { result: { own: true } })
      },
    ),
    { numRuns: 100 },
  )
})
