import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { handed, request, result, startConversation } from '../../test/support/conversation.ts'
import { defaultLimits } from './limits.ts'
import { refusalReasons } from './refusal.ts'

const text = readFileSync(new URL('../../docs/guard.md', import.meta.url), 'utf8')
const examples = [...text.matchAll(/^\{"jsonrpc".*$/gm)].map(([line]) => line)

describe('docs/guard.md', () => {
  it('names every reason for a refusal', () => {
    for (const reason of refusalReasons) assert.ok(text.includes(`\`${reason}\``), reason)
  })

  it('gives the caps as they are', () => {
    const caps: Record<keyof typeof defaultLimits, RegExp> = {
      messageBytes: /limits\.message`\) \| 8 MiB/,
      depth: /nesting \| 128 \|/,
      members: /tools in one list \| 10,000/,
      batch: /batch \| 100 \|/,
      outstanding: /without an answer, each direction \| 4096/,
      idLength: /progress token \| 256 characters/,
      nameLength: /method, tool name \| 256 characters/,
      messagesPerSecond: /each direction \| 100,000/,
      factsPerSecond: /one by one \| 200 a second/,
      logLineBytes: /log line \| 4096 bytes/,
    }
    for (const [name, pattern] of Object.entries(caps)) {
      const shown = pattern.exec(text)?.[0] ?? assert.fail(name)
      const number = Number(/\| ([\d,]+)/.exec(shown)?.[1]?.replaceAll(',', ''))
      assert.equal(shown.includes('MiB') ? number << 20 : number, defaultLimits[name as keyof typeof defaultLimits])
    }
  })

  it('shows refusals as they are', () => {
    const refused = startConversation().client('{"jsonrpc":"2.0","id":3,"method":"a","method":"b"}').toClient
    const answered = startConversation()
    answered.client(request(3, 'a'))
    const gone = startConversation()
    gone.client(request(3, 'a'))
    let time = 0
    const slow = startConversation({ requestTimeMs: 30_000, now: () => time })
    slow.client(request(3, 'tools/call', { name: 'x' }))
    time = 30_000
    assert.deepEqual(examples, [
      ...refused,
      ...answered.server(result(3, [])).toClient,
      ...handed(gone.guard.serverGone('the server was ended: out of memory (limit 128 MiB)')).toClient,
      ...handed(slow.guard.expire()).toClient,
    ])
  })
})
