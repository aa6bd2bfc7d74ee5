import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  call,
  errorsIn,
  notification,
  readTranscript,
  request,
  result,
  startConversation,
  transcripts,
} from '../../test/support/conversation.ts'

describe('a real conversation (IPC-GUARD)', () => {
  for (const name of transcripts) {
    it(`passes byte for byte: ${name}`, () => {
      const talk = startConversation()
      for (const { from, line } of readTranscript(name)) {
        const { toClient, toServer } = from === 'client' ? talk.client(line) : talk.server(line)
        assert.deepEqual(from === 'client' ? [toServer, toClient] : [toClient, toServer], [[line], []])
      }
      assert.deepEqual(talk.refusals(), [])
      assert.ok(talk.facts.every((fact) => fact.fact === 'message' && fact.verdict === 'allowed'))
    })

    it(`passes byte for byte in chunks of any size: ${name}`, () => {
      for (const size of [1, 2, 3, 17, 1000, 65_536]) {
        const talk = startConversation()
        for (const { from, line } of readTranscript(name)) {
          const bytes = Buffer.from(`${line}\n`)
          const out: Buffer[] = []
          for (let at = 0; at < bytes.length; at += size) {
            const direction = from === 'client' ? 'client-to-server' : 'server-to-client'
            out.push(...talk.guard.receive(direction, bytes.subarray(at, at + size)).map((output) => output.bytes))
          }
          assert.deepEqual(Buffer.concat(out), bytes)
        }
      }
    })
  }
})

describe('the era of initialize', () => {
  it('must name a protocol version as a string, on both sides', () => {
    for (const params of [undefined, {}, { protocolVersion: 1 }, []]) {
      const { toServer, toClient } = startConversation().client(request(1, 'initialize', params))
      assert.deepEqual(toServer, [])
      assert.equal(errorsIn(toClient)[0]?.error.code, -32602)
    }
    for (const answer of ['{}', '{"protocolVersion":1}', '{"protocolVersion":"a","protocolVersion":"b"}']) {
      const talk = startConversation()
      talk.client(request(1, 'initialize', { protocolVersion: '2025-11-25' }))
      assert.equal(errorsIn(talk.server(`{"jsonrpc":"2.0","id":1,"result":${answer}}`).toClient)[0]?.error.code, -32603)
    }
  })

  it('is refused with a server that hides something in its name', () => {
    for (const serverInfo of [{ name: 'x\u202e' }, { name: 'x', title: 'y\u200b' }]) {
      const talk = startConversation()
      talk.client(request(1, 'initialize', { protocolVersion: '2025-11-25' }))
      const { toClient } = talk.server(result(1, { protocolVersion: '2025-11-25', serverInfo }))
      assert.equal(errorsIn(toClient)[0]?.error.data?.reason, 'hidden-character')
    }
  })

  it('passes an error of the server, and requests before it', () => {
    const talk = startConversation()
    assert.equal(talk.client(request(1, 'server/discover'), request(2, 'tools/list')).toServer.length, 2)
    const error = { jsonrpc: '2.0', id: 1, error: { code: -32601, message: 'Method not found' } }
    assert.deepEqual(talk.server(error).toClient, [JSON.stringify(error)])
  })
})

describe('the era of 2026-07-28', () => {
  it('is refused with a server that hides something in its name', () => {
    const talk = startConversation()
    talk.client(request(1, 'server/discover'))
    const { toClient } = talk.server(
      result(1, { _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'x\u{e0061}' } } }),
    )
    assert.equal(errorsIn(toClient)[0]?.error.data?.reason, 'hidden-character')
  })

  it('keeps a subscription open for its notifications, beyond the time of a request', () => {
    let time = 0
    const talk = startConversation({ requestTimeMs: 1000, now: () => time })
    talk.client(request(1, 'subscriptions/listen', { notifications: { toolsListChanged: true } }))
    time = 1e6
    assert.equal(talk.guard.msToDeadline(), undefined)
    assert.deepEqual(talk.guard.expire(), [])
    const changed = notification('notifications/tools/list_changed', {
      _meta: { 'io.modelcontextprotocol/subscriptionId': 1 },
    })
    assert.equal(talk.server(changed).toClient.length, 1)
    assert.equal(talk.server(result(1)).toClient.length, 1, 'a graceful end is a result')
  })

  it('lets the server end a subscription by a cancellation, and no other request', () => {
    const talk = startConversation({ limits: { outstanding: 2 } })
    talk.client(request(1, 'subscriptions/listen'), request(2, 'tools/list'))
    talk.server(
      notification('notifications/cancelled', { requestId: 1 }),
      notification('notifications/cancelled', { requestId: 2 }),
    )
    assert.equal(talk.client(request(3, 'subscriptions/listen')).toServer.length, 1, 'its place is free')
    assert.deepEqual(talk.server(result(1)).toClient, [])
    assert.equal(talk.server(result(2, { tools: [] })).toClient.length, 1)
  })

  it('passes a result that wants input, and the retry under a new id with the state as it was', () => {
    const talk = startConversation()
    talk.client(call(1, 'ask'))
    const wanted =
      '{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create"}},"requestState":"\\u0041=="}}'
    assert.deepEqual(talk.server(wanted).toClient, [wanted])
    const retry =
      '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"ask","inputResponses":{"k":{"action":"accept"}},"requestState":"\\u0041=="}}'
    assert.deepEqual(talk.client(retry).toServer, [retry])
  })
})

describe('what MCP does not know', () => {
  it('passes: methods, notifications and members of extensions', () => {
    const talk = startConversation({ tools: { deny: ['*'] } })
    const lines = [
      request(1, 'com.example/do', { name: 'x', Name: 'y', tools: [] }),
      request(2, 'tasks/get', { taskId: 't' }),
      request(3, 'tools/describe', { name: 'x' }),
      notification('notifications/com.example/happened', [1, 2]),
    ]
    assert.deepEqual(
      talk.client(...lines).toServer,
      lines.map((line) => JSON.stringify(line)),
    )
    assert.equal(talk.server(...lines).toClient.length, 4)
  })
})
