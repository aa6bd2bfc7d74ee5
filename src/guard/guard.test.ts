import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  call,
  errorsIn,
  handed,
  notification,
  request,
  result,
  startConversation,
} from '../../test/support/conversation.ts'
import { GloveboxError } from '../errors.ts'
import { createGuard } from './guard.ts'
import { processorMs } from '../../test/support/timed.ts'

describe('a request that takes too long', () => {
  it('is answered with an error, cancelled at the server, recorded, and its late answer is dropped', () => {
    let time = 0
    const talk = startConversation({ requestTimeMs: 5000, now: () => time })
    talk.client(request(1, 'x'))
    time = 3000
    talk.client(request('two', 'y'))
    assert.equal(talk.guard.msToDeadline(), 2000)
    time = 5000
    const { toClient, toServer } = handed(talk.guard.expire())
    assert.deepEqual(errorsIn(toClient), [
      {
        jsonrpc: '2.0',
        id: 1,
        error: {
          code: -32603,
          message: 'The request x took longer than 5 s (limits.time) and was cancelled.',
          data: { source: 'glovebox', reason: 'timed-out' },
        },
      },
    ])
    assert.deepEqual(
      toServer.map((line) => JSON.parse(line) as unknown),
      [
        notification('notifications/cancelled', {
          requestId: 1,
          reason: 'The request x took longer than 5 s (limits.time).',
        }),
      ],
    )
    assert.deepEqual(talk.facts, [
      { fact: 'limit', limit: 'time', detail: 'The request x took longer than 5 s (limits.time).' },
    ])
    assert.deepEqual(talk.server(result(1)).toClient, [])
    assert.deepEqual(talk.refusals(), ['late-response'])
    assert.equal(talk.server(result('two')).toClient.length, 1)
    assert.equal(talk.guard.msToDeadline(), undefined)
  })

  it('has all the time in the world when no limit is given', () => {
    const talk = startConversation()
    talk.client(request(1, 'x'))
    assert.equal(talk.guard.msToDeadline(), undefined)
    assert.deepEqual(talk.guard.expire(), [])
  })
})

describe('when the server is gone', () => {
  const reason = 'the server was ended: out of memory (limit 128 MiB)'

  it('every request is answered with the reason, once, and later ones at once', () => {
    const talk = startConversation()
    talk.client(request(1, 'a'), request('b', 'a'), request(3, 'a'))
    talk.server(result(3))
    const { toClient } = handed(talk.guard.serverGone(reason))
    assert.deepEqual(
      errorsIn(toClient).map(({ id, error }) => [id, error.code, error.message]),
      [
        [1, -32603, `No answer will come: ${reason}`],
        ['b', -32603, `No answer will come: ${reason}`],
      ],
    )
    assert.deepEqual(talk.guard.serverGone('again'), [])
    const later = talk.client(request(4, 'a'), notification('n'), call(5, 'x'))
    assert.deepEqual(later.toServer, [])
    assert.deepEqual(
      errorsIn(later.toClient).map(({ id, error }) => [id, error.message]),
      [
        [4, `No answer will come: ${reason}`],
        [5, `No answer will come: ${reason}`],
      ],
    )
  })
})

describe('the guard (IPC-GUARD)', () => {
  it('hands out neighbouring messages as one piece of the chunk that they came in', () => {
    const guard = createGuard({ record: () => undefined })
    const lines = [1, 2, 3].map((id) => `${JSON.stringify(request(id, 'ping'))}\n`).join('')
    const chunk = Buffer.from(`${lines}{"jsonrpc":"2.0","id":4,"meth`)
    const outputs = guard.receive('client-to-server', chunk)
    assert.equal(outputs.length, 1)
    assert.equal(outputs[0]?.bytes.buffer, chunk.buffer)
    assert.equal(outputs[0]?.bytes.toString(), lines)
  })

  it('leaves out of a piece what lies between two messages and does not pass', () => {
    const talk = startConversation({ tools: { deny: ['rm'] } })
    const { toServer, toClient } = talk.client(
      request(1, 'a'),
      call(2, 'rm'),
      '',
      request(3, 'b'),
      'junk',
      request(4, 'c'),
    )
    assert.deepEqual(
      toServer,
      [request(1, 'a'), request(3, 'b'), request(4, 'c')].map((line) => JSON.stringify(line)),
    )
    assert.deepEqual(
      errorsIn(toClient).map(({ id }) => id),
      [2, null],
    )
  })

  it('keeps the order of answers and forwarded messages for each side', () => {
    const talk = startConversation()
    talk.client(request(1, 'a'), request(2, 'b'))
    const { toClient } = talk.server(result(1), '{"jsonrpc":"2.0","id":2,"result":1}', notification('n'))
    assert.deepEqual(
      toClient.map((line) => (JSON.parse(line) as { id?: number }).id),
      [1, 2, undefined],
    )
  })

  it('knows whether the server ever spoke', () => {
    const talk = startConversation()
    talk.server('listening', result(1), { jsonrpc: '2.0', result: {} })
    assert.equal(talk.guard.serverSpoke(), false)
    talk.server(notification('n'))
    assert.equal(talk.guard.serverSpoke(), true)
  })

  it('takes a last line without a newline for a message, and gives it one', () => {
    const talk = startConversation()
    const line = JSON.stringify(request(1, 'ping'))
    assert.deepEqual(talk.guard.receive('client-to-server', Buffer.from(line)), [])
    assert.deepEqual(handed(talk.guard.end('client-to-server')).toServer, [line])
  })

  it('refuses a cut-off last line', () => {
    const talk = startConversation()
    talk.client(request(1, 'a'))
    talk.guard.receive('server-to-client', Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"a'))
    assert.deepEqual(
      errorsIn(handed(talk.guard.end('server-to-client')).toClient).map(({ id }) => id),
      [1],
    )
  })

  it('refuses a limit that would switch a check off', () => {
    for (const messageBytes of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(
        () => createGuard({ record: () => undefined, limits: { messageBytes } }),
        (error) => error instanceof GloveboxError && error.code === 'POLICY_INVALID',
      )
    }
  })

  it('asks for a pause as long as the surplus takes, and loses nothing', () => {
    let time = 0
    const talk = startConversation({ now: () => time, limits: { messagesPerSecond: 100 } })
    const { toServer } = talk.client(...Array.from({ length: 150 }, () => notification('n')))
    assert.equal(toServer.length, 150)
    assert.equal(talk.guard.pauseMs('client-to-server'), 500)
    assert.equal(talk.guard.pauseMs('server-to-client'), 0)
    time = 500
    assert.equal(talk.guard.pauseMs('client-to-server'), 0)
  })

  it('counts refusals beyond their rate instead of recording each', () => {
    const talk = startConversation({ now: () => 0, limits: { factsPerSecond: 5 } })
    for (let i = 0; i < 100; i++) talk.server(result(i))
    talk.guard.end('server-to-client')
    assert.equal(talk.facts.length, 6)
    const last = talk.facts.at(-1)
    assert.equal(last?.fact === 'refusal' && last.reason, 'unrecorded')
    assert.match(last?.fact === 'refusal' ? last.detail : '', /^95 more messages/)
  })

  it('tells nothing of a message in its refusals', () => {
    const talk = startConversation()
    const secret = 'hunter2'
    talk.client(
      secret,
      `{"jsonrpc":"2.0","id":1,"method":"a","params":"${secret}"}`,
      `{"jsonrpc":"2.0","id":1,"method":"a","${secret}":1}`,
      `{"jsonrpc":"2.0","id":"${secret}","method":1}`,
      `{"jsonrpc":"2.0","id":1,"method":"${secret}\\u0000"}`,
    )
    assert.equal(talk.refusals().length, 5)
    assert.doesNotMatch(JSON.stringify(talk.facts), /hunter2/)
  })

  it('passes eight hostile megabytes in linear time, in one chunk and in many', () => {
    const size = (8 << 20) - 100
    const bodies = {
      brackets: '['.repeat(size),
      escapes: `{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"${'\\"'.repeat(size / 2 - 100)}"}}`,
      members: `{"jsonrpc":"2.0","id":1,"method":"x","params":{${'"a":1,'.repeat(size / 6 - 100)}"b":1}}`,
      keys: `{${'"a":1,'.repeat(size / 6)}"b":1}`,
      ids: `{"jsonrpc":"2.0","id":"${'\\u0061'.repeat(size / 6)}","method":"x"}`,
      tools: `{"jsonrpc":"2.0","id":1,"result":{"tools":[${'{"name":"a"},'.repeat(9999)}{"name":"b"}]}}`,
      small: `${JSON.stringify(notification('n'))}\n`.repeat(100_000),
    }
    for (const [name, text] of Object.entries(bodies)) {
      for (const chunkSize of [64 << 10, size]) {
        const talk = startConversation()
        talk.client(request(1, 'tools/list'))
        const bytes = Buffer.from(`${text}\n`)
        const direction = name === 'tools' ? 'server-to-client' : 'client-to-server'
        const took = processorMs(() => {
          for (let at = 0; at < bytes.length; at += chunkSize) {
            talk.guard.receive(direction, bytes.subarray(at, at + chunkSize))
          }
        })
        assert.ok(took < 3000, `${name} in chunks of ${chunkSize}: ${took} ms`)
      }
    }
  })

  it('takes twenty thousand small messages a second with ease', () => {
    const guard = createGuard({ record: () => undefined, tools: { deny: ['rm'] } })
    const took = processorMs(() => {
      for (let id = 0; id < 20_000; id++) {
        guard.receive('client-to-server', Buffer.from(`${JSON.stringify(call(id, 'echo'))}\n`))
        guard.receive('server-to-client', Buffer.from(`${JSON.stringify(result(id))}\n`))
      }
    })
    assert.ok(took < 2000, `${took} ms`)
  })
})
