import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorsIn, request, result, startConversation } from '../../test/support/conversation.ts'

/** What a client gets back for a line that must be refused; the server must get nothing. */
function refusedFromClient(line: string | Buffer): { id: unknown; code: number; reason: string | undefined }[] {
  const talk = startConversation()
  const { toServer, toClient } = talk.client(line)
  assert.deepEqual(toServer, [], 'nothing is forwarded')
  assert.equal(talk.refusals().length, 1, 'it is recorded once')
  return errorsIn(toClient).map(({ id, error }) => ({ id, code: error.code, reason: error.data?.reason }))
}

describe('a message from the client (IPC-GUARD)', () => {
  it('passes as the bytes that came, odd spelling and all', () => {
    for (const line of [
      '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      '  {"id" : 1 ,\t"method":"x\\u0079z","jsonrpc":"2\\u002e0","params":{"n":1.00e+2,"s":"\\/é"}}  ',
      '{"jsonrpc":"2.0","method":"notifications/x","params":[1,{"a":1,"a":2}]}',
      '{"jsonrpc":"2.0","id":"\\u0061\\n","method":"x","params":{"NAME":1,"Name":2}}',
      '{"jsonrpc":"2.0","id":-9007199254740991,"method":"custom.Thing/ü"}',
      '{"\\u006dethod":"ping","jsonrpc":"2.0","id":1}',
    ]) {
      const talk = startConversation()
      assert.deepEqual(talk.client(line), { toServer: [line], toClient: [] })
      assert.deepEqual(talk.refusals(), [])
    }
  })

  it('keeps its carriage return before the newline', () => {
    const { toServer } = startConversation().client('{"jsonrpc":"2.0","id":1,"method":"ping"}\r')
    assert.deepEqual(toServer, ['{"jsonrpc":"2.0","id":1,"method":"ping"}\r'])
  })

  it('is passed over in silence when it is only white space', () => {
    const talk = startConversation()
    assert.deepEqual(talk.client('', ' ', '\t', '\r'), { toServer: [], toClient: [] })
    assert.deepEqual(talk.facts, [])
  })

  const malformed: Record<string, [string | Buffer, unknown, string]> = {
    'no JSON at all': ['hello', null, 'malformed-json'],
    'a byte order mark': ['\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}', null, 'malformed-json'],
    'two messages on a line': [
      '{"jsonrpc":"2.0","id":1,"method":"a"}{"jsonrpc":"2.0","id":2,"method":"b"}',
      1,
      'malformed-json',
    ],
    'a cut end': ['{"jsonrpc":"2.0","id":7,"method":"a","params":{', 7, 'malformed-json'],
    'a fault before an id that comes last': ['{"method":"a","params":{!},"jsonrpc":"2.0","id":8}', 8, 'malformed-json'],
    'a fault in an id that comes last': ['{"jsonrpc":"2.0","method":"a","id":"\\u37"}', null, 'malformed-json'],
    'a NUL in it': ['{"jsonrpc":"2.0","id":1,"method":"a\u0000"}', 1, 'control-character'],
    'a NUL at its end': ['{"jsonrpc":"2.0","id":1,"method":"a"}\u0000', 1, 'control-character'],
    'a lone carriage return': ['{"jsonrpc":"2.0","id":1,\r"method":"a"}', 1, 'control-character'],
    'a carriage return in a string': [
      '{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":"\r"}}',
      1,
      'control-character',
    ],
    'broken UTF-8': [
      Buffer.from('{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":"\xff"}}', 'latin1'),
      1,
      'invalid-utf8',
    ],
    'an overlong UTF-8 form': [
      Buffer.from('{"jsonrpc":"2.0","id":1,"method":"\xc0\xaf"}', 'latin1'),
      1,
      'invalid-utf8',
    ],
    'a surrogate in UTF-8': [
      Buffer.from('{"jsonrpc":"2.0","id":1,"method":"\xed\xa0\x80"}', 'latin1'),
      1,
      'invalid-utf8',
    ],
  }
  for (const [what, [line, id, reason]] of Object.entries(malformed)) {
    it(`is answered with a parse error when it has ${what}`, () => {
      assert.deepEqual(refusedFromClient(line), [{ id, code: -32700, reason }])
    })
  }

  it('is refused by a reader with universal newlines in mind: a message hidden behind a carriage return', () => {
    const inner = '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"x"}}'
    assert.deepEqual(refusedFromClient(`{"jsonrpc":"2.0","id":1,"method":"a","params":\r${inner}\r}`), [
      { id: 1, code: -32700, reason: 'control-character' },
    ])
  })

  const invalid: Record<string, [string, unknown, string]> = {
    'is a number': ['1', null, 'not-json-rpc'],
    'is null': ['null', null, 'not-json-rpc'],
    'has no jsonrpc': ['{"id":1,"method":"a"}', 1, 'not-json-rpc'],
    'has jsonrpc 1.0': ['{"jsonrpc":"1.0","id":1,"method":"a"}', 1, 'not-json-rpc'],
    'has jsonrpc as a number': ['{"jsonrpc":2.0,"id":1,"method":"a"}', 1, 'not-json-rpc'],
    'has neither method nor answer': ['{"jsonrpc":"2.0","id":1}', 1, 'not-json-rpc'],
    'has a method that is no string': ['{"jsonrpc":"2.0","id":1,"method":1}', 1, 'bad-method'],
    'has an empty method': ['{"jsonrpc":"2.0","id":1,"method":""}', 1, 'bad-method'],
    'has an overlong method': [`{"jsonrpc":"2.0","id":1,"method":"${'m'.repeat(257)}"}`, 1, 'bad-method'],
    'has a member JSON-RPC does not know': ['{"jsonrpc":"2.0","id":1,"method":"a","auth":"x"}', 1, 'unknown-member'],
    'has its method twice': [
      '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}',
      1,
      'duplicate-key',
    ],
    'has its params twice': ['{"jsonrpc":"2.0","id":1,"method":"a","params":{},"params":{}}', 1, 'duplicate-key'],
    'has its method twice, once escaped': [
      '{"jsonrpc":"2.0","id":1,"method":"a","\\u006dethod":"b"}',
      1,
      'duplicate-key',
    ],
    'has its id twice': ['{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}', null, 'duplicate-key'],
    'has Method beside method': ['{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}', 1, 'variant-key'],
    'has METHOD in place of method': ['{"jsonrpc":"2.0","id":1,"METHOD":"b"}', 1, 'variant-key'],
    'has a key with a long s': ['{"jsonrpc":"2.0","id":1,"method":"a","param\u017f":{}}', 1, 'variant-key'],
    'has a key with a zero-width space': ['{"jsonrpc":"2.0","id":1,"method":"a","par\\u200bams":{}}', 1, 'variant-key'],
    'has the key __proto__': ['{"jsonrpc":"2.0","id":1,"method":"a","__proto__":{"method":"b"}}', 1, 'unknown-member'],
    'has the id null': ['{"jsonrpc":"2.0","id":null,"method":"a"}', null, 'bad-id'],
    'has an id that is an object': ['{"jsonrpc":"2.0","id":{},"method":"a"}', null, 'bad-id'],
    'has an id with a fraction': ['{"jsonrpc":"2.0","id":1.5,"method":"a"}', null, 'bad-id'],
    'has an id that JavaScript would respell': ['{"jsonrpc":"2.0","id":1.0,"method":"a"}', 1, 'bad-id'],
    'has an id with an exponent': ['{"jsonrpc":"2.0","id":1e3,"method":"a"}', 1000, 'bad-id'],
    'has the id minus zero': ['{"jsonrpc":"2.0","id":-0,"method":"a"}', 0, 'bad-id'],
    'has an id that JavaScript would round': ['{"jsonrpc":"2.0","id":9007199254740993,"method":"a"}', null, 'bad-id'],
    'has a huge id': [`{"jsonrpc":"2.0","id":${'9'.repeat(400)},"method":"a"}`, null, 'bad-id'],
    'has an overlong string id': [`{"jsonrpc":"2.0","id":"${'i'.repeat(257)}","method":"a"}`, null, 'bad-id'],
    'has an id with half a character': ['{"jsonrpc":"2.0","id":"\\ud800","method":"a"}', null, 'bad-id'],
  }
  for (const [what, [line, id, reason]] of Object.entries(invalid)) {
    it(`is answered with an invalid request error when it ${what}`, () => {
      assert.deepEqual(refusedFromClient(line), [{ id, code: -32600, reason }])
    })
  }

  for (const [what, params] of Object.entries({ null: 'null', 'a string': '"x"', 'a number': '1', false: 'false' })) {
    it(`is answered with an invalid params error when its params are ${what}`, () => {
      const line = `{"jsonrpc":"2.0","id":1,"method":"a","params":${params}}`
      assert.deepEqual(refusedFromClient(line), [{ id: 1, code: -32602, reason: 'bad-params' }])
    })
  }

  it('is dropped without an answer when it is a notification', () => {
    for (const line of [
      '{"jsonrpc":"2.0","method":"a","params":1}',
      '{"jsonrpc":"2.0","method":"a","x":1}',
      '{"jsonrpc":"2.0","method":"a","method":"b"}',
    ]) {
      assert.deepEqual(refusedFromClient(line), [])
    }
  })

  it('has its string id in the answer as it means, however it was spelled', () => {
    assert.deepEqual(refusedFromClient('{"jsonrpc":"2.0","id":"\\u0061\\"","method":""}'), [
      { id: 'a"', code: -32600, reason: 'bad-method' },
    ])
  })

  it('is refused at one level over the depth cap and at one byte over the size cap', () => {
    const deep = (levels: number): string =>
      `{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":${'['.repeat(levels - 2)}${']'.repeat(levels - 2)}}}`
    assert.equal(startConversation().client(deep(128)).toServer.length, 1)
    assert.deepEqual(refusedFromClient(deep(129)), [{ id: 1, code: -32700, reason: 'too-deep' }])

    const limits = { messageBytes: 100 }
    const sized = (length: number): string => {
      const line = '{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":""}}'
      return line.replace('""', `"${'x'.repeat(length - line.length)}"`)
    }
    assert.equal(startConversation({ limits }).client(sized(100)).toServer.length, 1)
    const talk = startConversation({ limits })
    const { toServer, toClient } = talk.client(sized(101))
    assert.deepEqual(toServer, [])
    assert.deepEqual(errorsIn(toClient)[0]?.id, 1)
    assert.deepEqual(talk.refusals(), ['too-large'])
  })

  it('is answered with its id when it is too large and the id comes last, and the next one passes', () => {
    const talk = startConversation({ limits: { messageBytes: 10_000 } })
    const { toClient } = talk.client({ method: 'x', params: { data: 'y'.repeat(50_000) }, jsonrpc: '2.0', id: 'last' })
    assert.equal(errorsIn(toClient)[0]?.id, 'last')
    assert.equal(talk.client(request(2, 'ping')).toServer.length, 1)
  })

  it('is answered with a null id when it is too large to see one', () => {
    const talk = startConversation({ limits: { messageBytes: 10_000 } })
    const params = 'y'.repeat(50_000)
    const { toClient } = talk.client({ params: { a: params }, id: 5, jsonrpc: '2.0', method: 'x', more: params })
    assert.equal(errorsIn(toClient)[0]?.id, null)
  })
})

describe('a message from the server', () => {
  it('is refused as an answer, and the client gets an error in its place', () => {
    const answers: Record<string, string> = {
      '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}': 'not-json-rpc',
      '{"jsonrpc":"2.0","id":1,"result":{},"params":{}}': 'not-json-rpc',
      '{"jsonrpc":"2.0","id":1,"result":[]}': 'bad-result',
      '{"jsonrpc":"2.0","id":1,"result":null}': 'bad-result',
      '{"jsonrpc":"2.0","id":1,"error":null}': 'bad-error',
      '{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}': 'bad-error',
      '{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}': 'bad-error',
      '{"jsonrpc":"2.0","id":1,"error":{"code":1}}': 'bad-error',
      '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"a","message":"b"}}': 'duplicate-key',
      '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"a","Message":"b"}}': 'variant-key',
      '{"jsonrpc":"2.0","id":1,"result":{},"Result":{}}': 'variant-key',
      '{"jsonrpc":"2.0","id":1.0,"result":{}}': 'bad-id',
      '{"jsonrpc":"2.0","id":1e0,"error":{"code":1,"message":""}}': 'bad-id',
      '{"jsonrpc":"1.0","id":1,"result":{}}': 'not-json-rpc',
      '{"id":1,"result":{}}': 'not-json-rpc',
      '{"jsonrpc":"2.0","id":1,"result":{"a":"\u0000"}}': 'control-character',
      '{"jsonrpc":"2.0","id":1,"result":{': 'malformed-json',
      '{"jsonrpc":"2.0","result":{!},"id":1}': 'malformed-json',
      '{"result":{!},"jsonrpc":"2.0","id":1}': 'malformed-json',
    }
    for (const [answer, reason] of Object.entries(answers)) {
      const talk = startConversation()
      talk.client(request(1, 'x'))
      const { toClient, toServer } = talk.server(answer)
      assert.deepEqual(toServer, [])
      const [error] = errorsIn(toClient)
      assert.deepEqual(
        [toClient.length, error?.id, error?.error.code, error?.error.data?.reason],
        [1, 1, -32603, reason],
        answer,
      )
      assert.match(error?.error.message ?? '', /^The server's answer was refused by Glovebox: /)
      assert.deepEqual(talk.refusals(), [reason])
      // It is settled: a second answer finds nobody.
      assert.deepEqual(talk.server(result(1)).toClient, [])
    }
  })

  it('is refused as a request, and the server gets the error', () => {
    const talk = startConversation()
    const { toClient, toServer } = talk.server('{"jsonrpc":"2.0","id":"s","method":"roots/list","params":1}')
    assert.deepEqual(toClient, [])
    assert.deepEqual(
      errorsIn(toServer).map(({ id, error }) => [id, error.code]),
      [['s', -32602]],
    )
  })

  it('may be an error without an id, or with null for one', () => {
    for (const line of [
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}',
      '{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error","data":[{"code":1}]}}',
    ]) {
      assert.deepEqual(startConversation().server(line).toClient, [line])
    }
  })

  it('must have an id as a result', () => {
    for (const line of ['{"jsonrpc":"2.0","result":{}}', '{"jsonrpc":"2.0","id":null,"result":{}}']) {
      const talk = startConversation()
      assert.deepEqual(talk.server(line), { toClient: [], toServer: [] })
      assert.deepEqual(talk.refusals(), ['bad-id'])
    }
  })

  it('settles a too large answer with an error, wherever its id stands', () => {
    for (const answer of [
      { jsonrpc: '2.0', id: 1, result: { data: 'x'.repeat(20_000) } },
      { result: { data: 'x'.repeat(20_000) }, jsonrpc: '2.0', id: 1 },
      { result: { data: 'x'.repeat(20_000) }, id: 1, jsonrpc: '2.0' },
    ]) {
      const talk = startConversation({ limits: { messageBytes: 10_000 } })
      talk.client(request(1, 'x'))
      const { toClient } = talk.server(answer)
      assert.deepEqual(
        errorsIn(toClient).map(({ id, error }) => [id, error.data?.reason]),
        [[1, 'too-large']],
      )
    }
  })
})
