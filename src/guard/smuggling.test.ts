import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorsIn, startConversation } from '../../test/support/conversation.ts'

/**
 * Each line could be read by some parser as a call of the tool `hidden`, or as something else than the guard took it
 * for. None may reach the server.
 */
const lines: Record<string, string> = {
  'a second name': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","name":"hidden"}}',
  'a second name, escaped':
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","n\\u0061me":"hidden"}}',
  'a capital Name': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","Name":"hidden"}}',
  'a full-width name': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","ｎａｍｅ":"hidden"}}',
  'a name with a blank': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","name ":"hidden"}}',
  'second params': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"},"params":{"name":"hidden"}}',
  'a second method': '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"hidden"}}',
  'a capital Method': '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"hidden"}}',
  'a prototype with params':
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","__proto__":{"name":"hidden"}}}',
  'a prototype of the message':
    '{"jsonrpc":"2.0","id":1,"method":"ping","__proto__":{"method":"tools/call","params":{"name":"hidden"}}}',
  'another case of the method': '{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"hidden"}}',
  'a slash before the method': '{"jsonrpc":"2.0","id":1,"method":"/tools/call","params":{"name":"hidden"}}',
  'two slashes in the method': '{"jsonrpc":"2.0","id":1,"method":"tools//call","params":{"name":"hidden"}}',
  'a blank after the method': '{"jsonrpc":"2.0","id":1,"method":"tools/call ","params":{"name":"hidden"}}',
  'a full-width slash in the method': '{"jsonrpc":"2.0","id":1,"method":"tools／call","params":{"name":"hidden"}}',
  'a zero-width joiner in the method':
    '{"jsonrpc":"2.0","id":1,"method":"tools\\u200d/call","params":{"name":"hidden"}}',
  'a batch': '[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hidden"}}]',
  'a batch in a batch': '[[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hidden"}}]]',
  'params as an array': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["hidden"]}',
  'a name in an array': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["hidden"]}}',
  'a name that is null': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":null}}',
  'no params': '{"jsonrpc":"2.0","id":1,"method":"tools/call"}',
  'a second _meta': '{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{},"_meta":{"progressToken":1}}}',
  'a second progressToken':
    '{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"progressToken":1,"progressToken":2}}}',
  'a capital ProgressToken': '{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"ProgressToken":2}}}',
  'a comment': '{"jsonrpc":"2.0","id":1,"method":"ping"/*,"params":{}*/}',
  'a trailing comma': '{"jsonrpc":"2.0","id":1,"method":"ping",}',
  'single quotes': "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'hidden'}}",
  'a form feed between tokens': '{"jsonrpc":"2.0",\f"id":1,"method":"tools/call","params":{"name":"hidden"}}',
  'a next-line character between tokens': '{"jsonrpc":"2.0",\u0085"id":1,"method":"ping"}',
  'a call of the hidden tool': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hidden"}}',
  'its name escaped': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\u0068idden"}}',
  'its name in capitals': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"HIDDEN"}}',
  'its name with blanks': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":" hidden "}}',
  'its name in full width': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ｈｉｄｄｅｎ"}}',
  'its name with a soft hyphen': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hid\\u00adden"}}',
  'its name as a notification': '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"hidden"}}',
}

describe('a smuggled message (IPC-GUARD, TOOLS)', () => {
  for (const [what, line] of Object.entries(lines)) {
    it(`does not reach the server with ${what}, and is recorded`, () => {
      const talk = startConversation({ tools: { deny: ['hidden'] } })
      assert.deepEqual(talk.client(line).toServer, [])
      assert.equal(talk.facts.length, 1)
    })
  }

  it('cannot hide behind the chunks that it comes in', () => {
    const line = lines['a call of the hidden tool'] ?? ''
    for (let at = 0; at <= line.length; at++) {
      const talk = startConversation({ tools: { deny: ['hidden'] } })
      const bytes = Buffer.from(`${line}\n`)
      const outputs = [
        ...talk.guard.receive('client-to-server', bytes.subarray(0, at)),
        ...talk.guard.receive('client-to-server', bytes.subarray(at)),
      ]
      assert.deepEqual(
        outputs.map(({ to }) => to),
        ['client'],
      )
    }
  })

  it('cannot bring tools back into a list', () => {
    for (const answer of [
      '{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[{"name":"hidden"}]}}',
      '{"jsonrpc":"2.0","id":1,"result":{"tools":[],"Tools":[{"name":"hidden"}]}}',
      '{"jsonrpc":"2.0","id":1,"result":{"__proto__":{"tools":[{"name":"hidden"}]}}}',
      '{"jsonrpc":"2.0","id":1,"result":{"tools":{"name":"hidden"}}}',
      '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"safe","name":"hidden"}]}}',
      '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"safe","NAME":"hidden"}]}}',
      '{"jsonrpc":"2.0","id":1,"result":{"tools":["hidden"]}}',
      '{"jsonrpc":"2.0","id":1,"result":{"tools":[[{"name":"hidden"}]]}}',
      '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hid\\u0064en"}]}}',
    ]) {
      const talk = startConversation({ tools: { deny: ['hidden'] } })
      talk.client('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
      const { toClient } = talk.server(answer)
      assert.equal(toClient.length, 1, answer)
      assert.doesNotMatch(toClient[0] ?? '', /hid/, answer)
      assert.equal(errorsIn(toClient)[0]?.id, 1)
    }
  })
})
