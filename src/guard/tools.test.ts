import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { call, errorsIn, notification, request, result, startConversation } from '../../test/support/conversation.ts'
import { GloveboxError } from '../errors.ts'
import { createToolRules } from './tool-rules.ts'
import type { ToolPolicy } from './tool-rules.ts'
import { processorMs } from '../../test/support/timed.ts'

function judge(policy: ToolPolicy, name: string): string {
  const { allowed, rule } = createToolRules(policy, 256).judge(name)
  return `${allowed ? 'allowed' : 'denied'} by ${rule}`
}

describe('the tool policy (TOOLS)', () => {
  it('allows every tool when it says nothing', () => {
    assert.equal(judge({}, 'anything'), 'allowed by tools.default')
  })

  it('allows only what a pattern matches once there is a list, and nothing with an empty one', () => {
    const policy = { allow: ['read_*', 'echo'] }
    assert.equal(judge(policy, 'read_file'), 'allowed by tools.allow read_*')
    assert.equal(judge(policy, 'echo'), 'allowed by tools.allow echo')
    assert.equal(judge(policy, 'echo2'), 'denied by tools.allow')
    assert.equal(judge({ allow: [] }, 'echo'), 'denied by tools.allow')
  })

  it('denies what both lists match', () => {
    const policy = { allow: ['*'], deny: ['*_file'] }
    assert.equal(judge(policy, 'write_file'), 'denied by tools.deny *_file')
    assert.equal(judge(policy, 'list'), 'allowed by tools.allow *')
  })

  it('compares exactly when it allows, and in every spelling when it denies', () => {
    assert.equal(judge({ allow: ['Echo'] }, 'echo'), 'denied by tools.allow')
    for (const name of ['DROP', 'Drop', ' drop', 'ｄｒｏｐ', 'dro p']) {
      assert.equal(judge({ deny: ['drop'] }, name), 'denied by tools.deny drop', name)
    }
  })

  it('takes nothing but the star for a pattern', () => {
    assert.equal(judge({ allow: ['a?c', 'a.c', '[ab]', 'a+'] }, 'abc'), 'denied by tools.allow')
    assert.equal(judge({ allow: ['a?c'] }, 'a?c'), 'allowed by tools.allow a?c')
    assert.equal(judge({ allow: ['*'] }, 'a/b.c-d'), 'allowed by tools.allow *')
  })

  it('matches stars as a regular expression would', () => {
    const word = fc
      .array(fc.constantFrom('a', 'b', '*'), { minLength: 1, maxLength: 8 })
      .map((letters) => letters.join(''))
    fc.assert(
      fc.property(word, word, (pattern, text) => {
        const name = text.replaceAll('*', 'a')
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name)
        assert.equal(createToolRules({ allow: [pattern] }, 256).judge(name).allowed, expected, `${pattern} on ${name}`)
      }),
      { numRuns: 5000 },
    )
  })

  it('matches many stars in linear time', () => {
    const rules = createToolRules({ allow: [`${'a*'.repeat(1000)}b`] }, 1_000_000)
    const took = processorMs(() => assert.equal(rules.judge('a'.repeat(500_000)).allowed, false))
    assert.ok(took < 1000, `${took} ms`)
  })

  it('is an error with an empty name in it', () => {
    for (const policy of [{ allow: [''] }, { deny: [''] }]) {
      assert.throws(
        () => createToolRules(policy, 256),
        (error) => error instanceof GloveboxError && error.code === 'POLICY_INVALID',
      )
    }
  })

  it('denies names with hidden characters, and overlong ones, whatever it allows', () => {
    for (const name of [
      'a\u200bb',
      'a\u202eb',
      'a\u{e0041}',
      'a\u0007',
      'a\nb',
      'a\u00ad',
      'a\u3164',
      '\ud800',
      'x'.repeat(257),
    ]) {
      assert.equal(judge({ allow: ['*'] }, name), 'denied by tools.name', JSON.stringify(name))
    }
  })
})

describe('tools/call (TOOLS)', () => {
  it('of a tool that is allowed passes, and is recorded with the hash of its arguments as they were written', () => {
    const talk = startConversation({ tools: { allow: ['ec*'] } })
    const line =
      '{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"arguments":{ "a":1.0 },"name":"\\u0065cho"}}'
    assert.deepEqual(talk.client(line).toServer, [line])
    assert.deepEqual(talk.facts, [
      {
        fact: 'message',
        direction: 'client-to-server',
        method: 'tools/call',
        tool: 'echo',
        id: '"x"',
        bytes: line.length,
        argumentsSha256: createHash('sha256').update('{ "a":1.0 }').digest('hex'),
        verdict: 'allowed',
        rule: 'tools.allow ec*',
      },
    ])
  })

  it('is recorded before its bytes are handed out', () => {
    const order: string[] = []
    const talk = startConversation({ record: (fact) => order.push(fact.fact) })
    order.push(...talk.client(call(1, 'x')).toServer.map(() => 'handed out'))
    assert.deepEqual(order, ['message', 'handed out'])
  })

  it('does not pass when it cannot be recorded', () => {
    const talk = startConversation({
      record: () => {
        throw new GloveboxError('AUDIT_UNWRITABLE', 'The disk is full.')
      },
    })
    assert.throws(() => talk.client(call(1, 'x')), /The disk is full/)
    assert.deepEqual(talk.guard.end('client-to-server'), [], 'not later either')
  })

  it('of a hidden tool is answered as if the tool did not exist, and recorded as denied', () => {
    const talk = startConversation({ tools: { deny: ['rm'] } })
    const { toServer, toClient } = talk.client(call(7, 'rm'))
    assert.deepEqual(toServer, [])
    assert.deepEqual(toClient, ['{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"Unknown tool: rm"}}'])
    assert.deepEqual(
      talk.facts.map((fact) => fact.fact === 'message' && [fact.verdict, fact.rule, fact.tool, fact.id]),
      [['denied', 'tools.deny rm', 'rm', '7']],
    )
    assert.deepEqual(talk.server(result(7)).toClient, [], 'its id waits for nothing')
  })

  it('shows what is hidden in a name, in the answer and in the record', () => {
    const talk = startConversation()
    const { toClient } = talk.client(call(1, 'a\u202eb\u{e0041}'))
    assert.equal(errorsIn(toClient)[0]?.error.message, 'Unknown tool: a\\u{202e}b\\u{e0041}')
    assert.equal(talk.facts[0]?.fact === 'message' && talk.facts[0].tool, 'a\\u{202e}b\\u{e0041}')
  })

  it('cannot make the answer or the record longer than a name may be', () => {
    const talk = startConversation()
    const { toClient } = talk.client(call(1, 'n'.repeat(1_000_000)))
    assert.ok((toClient[0] ?? '').length < 500)
    assert.ok(JSON.stringify(talk.facts).length < 1000)
  })

  it('without an id is a call too', () => {
    const talk = startConversation({ tools: { deny: ['rm'] } })
    const { toServer, toClient } = talk.client(
      notification('tools/call', { name: 'rm' }),
      notification('tools/call', { name: 'ls' }),
    )
    assert.deepEqual(toClient, [])
    assert.equal(toServer.length, 1)
    assert.deepEqual(
      talk.facts.map((fact) => fact.fact === 'message' && [fact.tool, fact.verdict, fact.id]),
      [
        ['rm', 'denied', undefined],
        ['ls', 'allowed', undefined],
      ],
    )
  })

  it("of the server's own is none of ours", () => {
    const talk = startConversation({ tools: { deny: ['*'] } })
    assert.equal(talk.server(call(1, 'x')).toClient.length, 1)
  })
})

describe('tools/list (TOOLS)', () => {
  function list(answer: string, options: { tools?: ToolPolicy }): { line: string; reasons: string[] } {
    const talk = startConversation(options)
    talk.client(request(1, 'tools/list'))
    const { toClient } = talk.server(answer)
    assert.equal(toClient.length, 1)
    return { line: toClient[0] ?? '', reasons: talk.refusals() }
  }
  const deny = (...names: string[]): { tools: ToolPolicy } => ({ tools: { deny: names } })

  it('passes as the bytes that came when nothing is hidden', () => {
    const answer = '{"result":{"tools":[ {"name":"a","x":1.0} ,{"name":"b"}],"nextCursor":"c"} ,"jsonrpc":"2.0","id":1}'
    assert.equal(list(answer, {}).line, answer)
  })

  it('loses its hidden tools and not a byte more, in whatever place', () => {
    const tools = ['{"name":"a","n":1e400,"n2":0.10}', '{"name":"b", "x\\u0041":[{}]}', '{"name":"c","é":"\\u00e9"}']
    for (let mask = 0; mask < 8; mask++) {
      const kept = tools.filter((_, index) => (mask & (1 << index)) === 0)
      const hidden = ['a', 'b', 'c'].filter((_, index) => (mask & (1 << index)) !== 0)
      const frame = (entries: readonly string[]): string =>
        `{"jsonrpc":"2.0","result":{"nextCursor":"n","tools":[${entries.join(',')}],"ttlMs":5,"_meta":{"k":1.50}},"id":1}`
      const { line, reasons } = list(frame(tools), deny(...hidden))
      assert.equal(line, frame(kept), hidden.join())
      assert.deepEqual(reasons, [], 'what the policy hides is no refusal')
    }
  })

  it('equals the list that a filter of the parsed message would give, whatever its spacing', () => {
    const blank = fc.constantFrom('', ' ', '  ', '\t')
    const entry = fc.tuple(fc.constantFrom('keep', 'hide'), blank, blank)
    fc.assert(
      fc.property(fc.array(entry), blank, (entries, inner) => {
        const tools = entries
          .map(([name, before, after], i) => `${before}{"name":"${name}","i":${i}}${after}`)
          .join(',')
        const answer = `{"jsonrpc":"2.0","id":1,"result":{"tools":[${tools === '' ? inner : tools}]}}`
        const parsed = JSON.parse(answer) as { result: { tools: { name: string }[] } }
        parsed.result.tools = parsed.result.tools.filter(({ name }) => name !== 'hide')
        assert.deepEqual(JSON.parse(list(answer, deny('hide')).line), parsed)
      }),
    )
  })

  it('keeps its carriage return, and the next message apart', () => {
    const talk = startConversation(deny('b'))
    talk.client(request(1, 'tools/list'), request(2, 'ping'))
    const { toClient } = talk.server('{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"b"}]}}\r', result(2))
    assert.deepEqual(toClient, ['{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}\r', JSON.stringify(result(2))])
  })

  it('is filtered by the request that it answers, not by what it looks like', () => {
    const talk = startConversation(deny('b'))
    talk.client(request(1, 'other/list'))
    const answer = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"b"}]}}'
    assert.deepEqual(talk.server(answer).toClient, [answer])
  })

  it('hides and records a tool whose name or title is not what it looks like', () => {
    for (const tool of [
      '{"name":"b\\u200b"}',
      '{"name":"b\\u0000"}',
      '{"name":"b\u202e"}',
      '{"name":"b\u{e0041}"}',
      '{"name":"b","title":"x\\u0007"}',
      '{"name":"b","title":"x\u202ey"}',
      '{"name":"b","annotations":{"title":"x\u2066y"}}',
      '{"name":"b","annotations":{"title":"x","title":"x\u2066y"}}',
    ]) {
      const { line, reasons } = list(`{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},${tool}]}}`, {})
      assert.equal(line, '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}', tool)
      assert.deepEqual(reasons, ['hidden-character'])
    }
  })

  it('shows titles in the scripts and the emoji of the world', () => {
    for (const title of ['Grüße', '👩‍👩‍👧 family', '❤️‍🔥', 'می‌خواهم', 'क्‍ष', '1️⃣', '検索']) {
      const answer = JSON.stringify(result(1, { tools: [{ name: 'a', title }] }))
      assert.equal(list(answer, {}).line, answer, title)
    }
  })

  it('hides and records entries that are no tools', () => {
    for (const tool of ['1', 'null', '[]', '{}', '{"name":1}', '{"name":null}', `{"name":"${'n'.repeat(257)}"}`]) {
      const { line, reasons } = list(`{"jsonrpc":"2.0","id":1,"result":{"tools":[${tool},{"name":"a"}]}}`, {})
      assert.equal(line, '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}', tool)
      assert.deepEqual(reasons, ['bad-result'])
    }
  })

  it('may have no tools, and is refused when they are no array or too many', () => {
    assert.equal(list('{"jsonrpc":"2.0","id":1,"result":{}}', {}).line, '{"jsonrpc":"2.0","id":1,"result":{}}')
    for (const [tools, reason] of [
      ['{}', 'bad-result'],
      ['null', 'bad-result'],
      [`[${Array.from({ length: 10_001 }, () => '1').join(',')}]`, 'too-many-members'],
    ]) {
      const { line, reasons } = list(`{"jsonrpc":"2.0","id":1,"result":{"tools":${tools}}}`, {})
      assert.equal(errorsIn([line])[0]?.error.code, -32603)
      assert.deepEqual(reasons, [reason])
    }
  })
})
