import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { request, result, startConversation } from '../../test/support/conversation.ts'
import type { Fact } from '../protocol/facts.ts'
import { createLogLines } from './log-lines.ts'
import type { LogOptions } from './log-lines.ts'

function collect(chunks: readonly (string | Buffer)[], options: Partial<LogOptions> = {}): Fact[] {
  const facts: Fact[] = []
  const lines = createLogLines({ record: (fact) => facts.push(fact), stream: 'stderr', ...options })
  for (const chunk of chunks) lines.write(Buffer.from(chunk))
  lines.end()
  return facts
}

function texts(facts: readonly Fact[]): string[] {
  return facts.map((fact) => (fact.fact === 'server-log' ? fact.text : assert.fail(fact.fact)))
}

describe('log lines', () => {
  it('are one fact each, wherever the chunks are cut, without blank ones and line ends', () => {
    assert.deepEqual(collect(['one\ntw', 'o\r\n', '\n \nthree']), [
      { fact: 'server-log', stream: 'stderr', text: 'one' },
      { fact: 'server-log', stream: 'stderr', text: 'two' },
      { fact: 'server-log', stream: 'stderr', text: 'three' },
    ])
  })

  it('keep a character that two chunks share, and show broken UTF-8 as such', () => {
    const bytes = Buffer.from('é\n')
    assert.deepEqual(texts(collect([bytes.subarray(0, 1), bytes.subarray(1), Buffer.from([0xff, 0x0a])])), [
      'é',
      '\ufffd',
    ])
  })

  it('are cut at the cap and say so', () => {
    assert.deepEqual(texts(collect(['x'.repeat(10_000), '\nnext\n'])), [`${'x'.repeat(4096)} […]`, 'next'])
    assert.deepEqual(texts(collect(['123456\n'], { limits: { logLineBytes: 5 } })), ['12345 […]'])
  })

  it('are counted beyond the rate, and the count is told as soon as there is room', () => {
    let time = 0
    const facts: Fact[] = []
    const options = { limits: { factsPerSecond: 3 }, now: () => time }
    const lines = createLogLines({ record: (fact) => facts.push(fact), stream: 'stderr', ...options })
    lines.write(Buffer.from('1\n2\n3\n4\n5\n'))
    assert.deepEqual(texts(facts), ['1', '2', '3'])
    time = 1000
    lines.write(Buffer.from('6\n'))
    assert.deepEqual(texts(facts).slice(3), ['[2 more lines, too fast to record (over 3 a second)]', '6'])
  })

  it('tell at the end what was not recorded', () => {
    const facts = collect(['1\n2\n3\n'], { limits: { factsPerSecond: 1 }, now: () => 0 })
    assert.deepEqual(texts(facts), ['1', '[2 more lines, too fast to record (over 1 a second)]'])
  })
})

describe("what is no message on the server's stdout", () => {
  it('becomes a log line, never reaches the client, and the next message passes', () => {
    for (const line of [
      'Server listening',
      '[INFO] ready',
      '[]',
      '[1,2]',
      '42',
      '"text"',
      'null',
      '{"level":"info","msg":"started"}',
      '{"id":1,"level":30,"error":"x"}',
      '{ pid: 12, method: "log" }',
      '{"unfinished": ',
      '\u001b[32mok\u001b[0m',
      '[debug] received {"jsonrpc":"2.0","method":"x","id":1}',
      '{debug} received {"jsonrpc":"2.0","method":"x","id":1}',
      '--> {"jsonrpc":"2.0","id":1,"result":{}}',
      '{"event":"sent","payload":{"jsonrpc":"2.0","id":1,"result":{}}}',
    ]) {
      const talk = startConversation()
      talk.client(request(1, 'x'))
      assert.deepEqual(talk.server(line), { toClient: [], toServer: [] }, line)
      assert.deepEqual(talk.facts, [{ fact: 'server-log', stream: 'stdout', text: line }])
      assert.equal(talk.server(result(1)).toClient.length, 1)
    }
  })

  it('is bounded in length and rate', () => {
    const talk = startConversation({ now: () => 0, limits: { factsPerSecond: 10, messageBytes: 5000 } })
    talk.server('x'.repeat(4900), 'y'.repeat(6000))
    for (let i = 0; i < 1000; i++) talk.server('noise')
    talk.guard.end('server-to-client')
    assert.equal(talk.facts.length, 11)
    assert.ok(talk.facts.every((fact) => fact.fact === 'server-log' && fact.text.length <= 4096 + 4))
    const last = talk.facts.at(-1)
    assert.equal(last?.fact === 'server-log' && last.text, '[992 more lines, too fast to record (over 10 a second)]')
  })
})
