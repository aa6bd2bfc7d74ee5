import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { call, errorsIn, notification, request, result, startConversation } from '../../test/support/conversation.ts'
import type { Conversation } from '../../test/support/conversation.ts'
import type { GuardOptions } from './guard.ts'

function agreedOn(version: string, options: Partial<GuardOptions> = {}): Conversation {
  const talk = startConversation(options)
  talk.initialize(version)
  return talk
}

describe('a batch', () => {
  it('is refused before and after any version but 2025-03-26 is agreed on, each request answered', () => {
    for (const talk of [
      startConversation(),
      ...['2024-11-05', '2025-06-18', '2025-11-25'].map((version) => agreedOn(version)),
    ]) {
      const { toServer, toClient } = talk.client([request(1, 'a'), notification('b'), request('x', 'c')])
      assert.deepEqual(toServer, [])
      assert.deepEqual(
        errorsIn(toClient).map(({ id, error }) => [id, error.data?.reason]),
        [
          [1, 'batch'],
          ['x', 'batch'],
        ],
      )
      assert.deepEqual(talk.refusals(), ['batch'])
    }
  })

  it('is answered once with a null id when no id can be read in it', () => {
    for (const batch of [[], [1, 2], [[]], [{ jsonrpc: '2.0', id: null, method: 'a' }]]) {
      const { toServer, toClient } = startConversation().client(batch)
      assert.deepEqual(toServer, [])
      assert.deepEqual(
        errorsIn(toClient).map(({ id }) => id),
        [null],
        JSON.stringify(batch),
      )
    }
  })

  it('passes as the bytes that came when 2025-03-26 is agreed on', () => {
    const talk = agreedOn('2025-03-26')
    const line = ' [ {"jsonrpc":"2.0","id":1,"method":"a"} , {"jsonrpc":"2.0","method":"b"} ] '
    assert.deepEqual(talk.client(line), { toServer: [line], toClient: [] })
    const answer = '[{"jsonrpc":"2.0","id":1,"result":{}}]'
    assert.deepEqual(talk.server(answer), { toClient: [answer], toServer: [] })
  })

  it('loses the members that are refused, which are answered, and the rest goes on', () => {
    const talk = agreedOn('2025-03-26', { tools: { deny: ['rm'] } })
    const { toServer, toClient } = talk.client([
      call(1, 'rm'),
      call(2, 'ls'),
      7,
      request(2, 'again'),
      { jsonrpc: '2.0', id: 3, method: 'x', extra: 1 },
      notification('n'),
    ])
    assert.deepEqual(
      toServer.map((line) => JSON.parse(line) as unknown),
      [[call(2, 'ls'), notification('n')]],
    )
    assert.deepEqual(
      errorsIn(toClient).map(({ id, error }) => [id, error.code]),
      [
        [1, -32602],
        [null, -32600],
        [2, -32600],
        [3, -32600],
      ],
    )
  })

  it('is not forwarded when nothing of it is left', () => {
    const talk = agreedOn('2025-03-26', { tools: { deny: ['rm'] } })
    const { toServer, toClient } = talk.client([call(1, 'rm'), call(2, 'rm')])
    assert.deepEqual([toServer.length, toClient.length], [0, 2])
  })

  it('is refused when it is empty, longer than the cap, or has a batch in it', () => {
    const talk = agreedOn('2025-03-26', { limits: { batch: 20 } })
    assert.equal(talk.client([]).toClient.length, 1)
    const long = talk.client(Array.from({ length: 21 }, (_, index) => request(index, 'a')))
    assert.deepEqual([long.toServer.length, long.toClient.length], [0, 1])
    assert.equal(talk.client([[request(1, 'a')]]).toServer.length, 0)
    assert.deepEqual(talk.refusals(), ['batch', 'too-many-members', 'not-json-rpc'])
  })

  it('of answers is filtered like single ones', () => {
    const talk = agreedOn('2025-03-26', { tools: { deny: ['rm'] } })
    talk.client([request(1, 'tools/list'), request(2, 'a'), request(3, 'tools/list')])
    const { toClient } = talk.server([
      result(9),
      result(1, { tools: [{ name: 'rm' }, { name: 'ls' }] }),
      result(2),
      result(3, { tools: [{ name: 'ls' }, { name: 'rm' }] }),
      result(2),
    ])
    assert.deepEqual(
      toClient.map((line) => JSON.parse(line) as unknown),
      [[result(1, { tools: [{ name: 'ls' }] }), result(2), result(3, { tools: [{ name: 'ls' }] })]],
    )
  })

  it('of answers that is refused becomes an error for each that waits', () => {
    const talk = agreedOn('2025-06-18')
    talk.client(request(1, 'a'), request(2, 'b'))
    const { toClient } = talk.server([result(1), result(2), result(3)])
    assert.deepEqual(
      errorsIn(toClient).map(({ id, error }) => [id, error.data?.reason]),
      [
        [1, 'batch'],
        [2, 'batch'],
      ],
    )
  })
})
