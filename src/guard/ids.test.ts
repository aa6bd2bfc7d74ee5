import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { call, errorsIn, notification, request, result, startConversation } from '../../test/support/conversation.ts'

describe('a response', () => {
  it('passes once for each request, in any order', () => {
    const talk = startConversation()
    talk.client(request(1, 'a'), request('1', 'b'), request(2, 'c'))
    assert.equal(talk.server(result('1'), result(2), result(1)).toClient.length, 3)
    assert.deepEqual(talk.server(result(1), result('1')), { toClient: [], toServer: [] })
    assert.deepEqual(talk.refusals(), ['unknown-response', 'unknown-response'])
  })

  it('is refused when nothing was asked', () => {
    const talk = startConversation()
    assert.deepEqual(talk.server(result(1)), { toClient: [], toServer: [] })
    assert.deepEqual(talk.client(result(1)), { toClient: [], toServer: [] })
    assert.deepEqual(talk.refusals(), ['unknown-response', 'unknown-response'])
  })

  it('matches by what the id means, not by how it is spelled', () => {
    const talk = startConversation()
    talk.client('{"jsonrpc":"2.0","id":"\\u0061/b","method":"x"}')
    assert.equal(talk.server('{"jsonrpc":"2.0","id":"a\\/b","result":{}}').toClient.length, 1)
  })

  it("of the client's answers the server's request, and the ids of the two directions do not meet", () => {
    const talk = startConversation()
    talk.client(request(1, 'a'))
    assert.equal(talk.server(request(1, 'roots/list')).toClient.length, 1)
    assert.equal(talk.client(result(1, { roots: [] })).toServer.length, 1)
    assert.equal(talk.server(result(1)).toClient.length, 1)
    assert.deepEqual(talk.refusals(), [])
  })

  it("of the client's that is refused becomes an error for the server", () => {
    const talk = startConversation()
    talk.server(request('s1', 'roots/list'))
    const { toServer, toClient } = talk.client('{"jsonrpc":"2.0","id":"s1","result":7}')
    assert.deepEqual(toClient, [])
    const [error] = errorsIn(toServer)
    assert.deepEqual([error?.id, error?.error.code], ['s1', -32603])
    assert.match(error?.error.message ?? '', /^The client's answer was refused/)
  })

  it('with two ids settles both requests that it could mean', () => {
    const talk = startConversation()
    talk.client(request(1, 'a'), request(2, 'b'))
    const { toClient } = talk.server('{"jsonrpc":"2.0","id":1,"id":2,"result":{}}')
    assert.deepEqual(
      errorsIn(toClient).map(({ id }) => id),
      [1, 2],
    )
  })
})

describe('a request', () => {
  it('is refused while another with its id is waiting, and the first one is not harmed', () => {
    const talk = startConversation()
    talk.client(request(1, 'a'))
    const { toServer, toClient } = talk.client(request(1, 'b'))
    assert.deepEqual(toServer, [])
    assert.deepEqual(
      errorsIn(toClient).map(({ id, error }) => [id, error.data?.reason]),
      [[1, 'duplicate-id']],
    )
    assert.equal(talk.server(result(1)).toClient.length, 1)
    assert.equal(talk.client(request(1, 'c')).toServer.length, 1, 'an answered id may come again')
  })

  it('is refused at the cap of those without an answer, in both directions', () => {
    const talk = startConversation({ limits: { outstanding: 2 } })
    const { toClient, toServer } = talk.client(request(1, 'a'), request(2, 'a'), request(3, 'a'))
    assert.equal(toServer.length, 2)
    assert.deepEqual(
      errorsIn(toClient).map(({ id, error }) => [id, error.data?.reason]),
      [[3, 'too-many-outstanding']],
    )
    talk.server(result(1))
    assert.equal(talk.client(request(3, 'a')).toServer.length, 1)
    const back = talk.server(request(1, 'b'), request(2, 'b'), request(3, 'b'))
    assert.deepEqual([back.toClient.length, back.toServer.length], [2, 1])
  })
})

describe('a cancellation', () => {
  it('passes, and the late answer is dropped and recorded, not an error', () => {
    const talk = startConversation()
    talk.client(request(1, 'a'))
    assert.equal(talk.client(notification('notifications/cancelled', { requestId: 1, reason: 'x' })).toServer.length, 1)
    assert.deepEqual(talk.server(result(1)), { toClient: [], toServer: [] })
    assert.deepEqual(talk.refusals(), ['late-response'])
    assert.deepEqual(talk.server(result(1)).toClient, [])
    assert.deepEqual(talk.refusals(), ['late-response', 'unknown-response'])
  })

  it('frees the place of its request', () => {
    const talk = startConversation({ limits: { outstanding: 1 } })
    for (let id = 0; id < 50; id++) {
      assert.equal(talk.client(request(id, 'a')).toServer.length, 1)
      talk.client(notification('notifications/cancelled', { requestId: id }))
    }
  })

  it('leaves the id free for a new request, whose answer passes', () => {
    const talk = startConversation()
    talk.client(request(1, 'a'), notification('notifications/cancelled', { requestId: 1 }), request(1, 'b'))
    assert.equal(talk.server(result(1)).toClient.length, 1)
  })

  it('passes when its request is unknown, or when it names none', () => {
    const talk = startConversation()
    const { toServer } = talk.client(
      notification('notifications/cancelled', { requestId: 99 }),
      notification('notifications/cancelled', { reason: 'a task' }),
      notification('notifications/cancelled'),
    )
    assert.equal(toServer.length, 3)
  })

  it('is refused when its requestId is no id, or could be read in two ways', () => {
    const talk = startConversation()
    talk.client(request(1, 'a'))
    for (const params of [
      '{"requestId":null}',
      '{"requestId":1.0}',
      '{"requestId":1,"requestId":2}',
      '{"requestId":1,"RequestId":2}',
      '[1]',
    ]) {
      assert.deepEqual(
        talk.client(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`).toServer,
        [],
        params,
      )
    }
    assert.equal(talk.server(result(1)).toClient.length, 1, 'nothing was cancelled')
  })

  it("from the server ends its own request, not the client's", () => {
    const talk = startConversation()
    talk.client(request(1, 'a'))
    talk.server(request(5, 'roots/list'))
    assert.equal(
      talk.server(
        notification('notifications/cancelled', { requestId: 5 }),
        notification('notifications/cancelled', { requestId: 1 }),
      ).toClient.length,
      2,
    )
    assert.deepEqual(talk.client(result(5)).toServer, [])
    assert.equal(talk.server(result(1)).toClient.length, 1)
    assert.deepEqual(talk.refusals(), ['late-response'])
  })
})

describe('progress', () => {
  it('passes while its request waits, and not before, after, or for another token', () => {
    const talk = startConversation()
    const progress = (progressToken: unknown): object =>
      notification('notifications/progress', { progressToken, progress: 1 })
    assert.deepEqual(talk.server(progress('t')).toClient, [])
    talk.client(call(1, 'x', { _meta: { progressToken: 't' } }))
    assert.equal(talk.server(progress('t'), progress('t')).toClient.length, 2)
    assert.deepEqual(talk.server(progress('other'), progress(1)).toClient, [])
    talk.server(result(1))
    assert.deepEqual(talk.server(progress('t')).toClient, [])
    assert.deepEqual(talk.refusals(), ['unknown-progress', 'unknown-progress', 'unknown-progress', 'unknown-progress'])
  })

  it('knows 1 from "1"', () => {
    const talk = startConversation()
    talk.client(call(1, 'x', { _meta: { progressToken: 1 } }))
    assert.deepEqual(
      talk.server(notification('notifications/progress', { progressToken: '1', progress: 1 })).toClient,
      [],
    )
    assert.equal(
      talk.server(notification('notifications/progress', { progressToken: 1, progress: 1 })).toClient.length,
      1,
    )
  })

  it('goes on after the answer when that is a task', () => {
    for (const answer of [{ task: { taskId: 'x' } }, { resultType: 'task', taskId: 'x' }]) {
      const talk = startConversation()
      talk.client(call(1, 'x', { _meta: { progressToken: 't' } }))
      talk.server(result(1, answer))
      assert.equal(
        talk.server(notification('notifications/progress', { progressToken: 't', progress: 1 })).toClient.length,
        1,
      )
    }
  })

  it("goes the other way for a request of the server's", () => {
    const talk = startConversation()
    talk.server(request(1, 'sampling/createMessage', { _meta: { progressToken: 'p' } }))
    assert.equal(
      talk.client(notification('notifications/progress', { progressToken: 'p', progress: 1 })).toServer.length,
      1,
    )
    assert.deepEqual(
      talk.client(notification('notifications/progress', { progressToken: 'q', progress: 1 })).toServer,
      [],
    )
  })

  it('is refused without a token that is one', () => {
    const talk = startConversation()
    for (const params of [{}, { progressToken: 1.5 }, { progressToken: {} }]) {
      assert.deepEqual(talk.server(notification('notifications/progress', params)).toClient, [])
    }
    assert.deepEqual(talk.refusals(), ['bad-params', 'bad-params', 'bad-params'])
  })

  it('is not asked for by a token that is null, and a request with a bad one is refused', () => {
    const talk = startConversation()
    assert.equal(talk.client(request(1, 'a', { _meta: { progressToken: null } })).toServer.length, 1)
    const { toServer, toClient } = talk.client(request(2, 'a', { _meta: { progressToken: [] } }))
    assert.deepEqual(toServer, [])
    assert.deepEqual(
      errorsIn(toClient).map(({ error }) => error.code),
      [-32602],
    )
  })

  it('ends with a cancelled request, but not for another with the same token', () => {
    const talk = startConversation()
    talk.client(call(1, 'x', { _meta: { progressToken: 't' } }), call(2, 'x', { _meta: { progressToken: 't' } }))
    talk.client(notification('notifications/cancelled', { requestId: 1 }))
    assert.equal(talk.server(notification('notifications/progress', { progressToken: 't' })).toClient.length, 1)
    talk.server(result(2))
    assert.equal(talk.server(notification('notifications/progress', { progressToken: 't' })).toClient.length, 0)
  })
})
