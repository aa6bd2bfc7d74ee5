import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { answersOf, beginningOf, ping, requireAnswer } from './first-answer.ts'

const { id } = JSON.parse(ping(2)) as { id: string }

test('a server is up when it has answered, well or not', () => {
  requireAnswer(JSON.stringify({ jsonrpc: '2.0', id, result: {} }), 2)
  requireAnswer(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no ping' } }), 2)
})

for (const said of ['', 'listening', 'null', '"x"', '[]', '{}', `{"id":"${id}"}`, '{"id":1,"result":{}}', ping(2)]) {
  test(`what is no answer of it is no sign: ${said.trim()}`, () => {
    assert.throws(() => requireAnswer(said, 2), /template "server": .*(no message|before it is asked)/)
  })
}

test('the answer to another ping is none', () => {
  assert.throws(() => requireAnswer(JSON.stringify({ jsonrpc: '2.0', id, result: {} }), 3), /before it is asked/)
})

test('lines are given as they are asked for, in pieces too, and what nobody asked for is counted to the end', async () => {
  const output = new PassThrough()
  const said = answersOf(output)
  const first = said.next()
  for (const piece of ['{"a"', ':1}', '\n']) output.write(piece)
  assert.equal(await first, '{"a":1}')
  const second = said.next()
  output.write('{}\nxy')
  assert.equal(await second, '{}')
  output.end('z\n')
  assert.equal(await said.more, 4)
})

test('nothing behind an answer is nothing', async () => {
  const output = new PassThrough()
  const said = answersOf(output)
  const first = said.next()
  output.end('line\n')
  assert.deepEqual([await first, await said.more], ['line', 0])
  await assert.rejects(said.next(), /closed its output/)
})

test('what is said before it is asked for is no answer to the next question', async () => {
  const output = new PassThrough()
  const said = answersOf(output)
  output.write('early\n')
  await setImmediate()
  const answer = said.next()
  output.end('asked\n')
  assert.deepEqual([await answer, await said.more], ['asked', 6])
})

test('an output that ends without a line, or a line that does not end, is told', async () => {
  const silent = new PassThrough()
  const ended = answersOf(silent).next()
  silent.end('half')
  await assert.rejects(ended, /closed its output/)
  const flood = new PassThrough()
  const said = answersOf(flood)
  const first = said.next()
  flood.write(Buffer.alloc(64 * 1024 + 1, 'x'))
  await assert.rejects(first, /has no end/)
  await assert.rejects(said.more, /has no end/)
})

test('a flood of logs takes no memory of the host beyond what is kept of it', async () => {
  const mebibyte = 1024 ** 2
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  function* flood(): Generator<Buffer> {
    for (let sent = 0; sent < 512; sent += 1) {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      yield Buffer.alloc(mebibyte, 'x')
    }
  }
  const kept = await beginningOf(Readable.from(flood()), 1000)
  assert.equal(kept.toString(), 'x'.repeat(1000))
  assert.ok(most < 448 * mebibyte, `${most} bytes`)
})
