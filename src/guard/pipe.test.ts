import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { PassThrough, Readable, Writable } from 'node:stream'
import { describe, it } from 'node:test'
import { errorsIn, notification, request, result } from '../../test/support/conversation.ts'
import { GloveboxError } from '../errors.ts'
import type { Fact } from '../protocol/facts.ts'
import { createGuard } from './guard.ts'
import type { GuardOptions } from './guard.ts'
import { attachGuard } from './pipe.ts'
import type { GuardPipe } from './pipe.ts'

interface Ends {
  readonly pipe: GuardPipe
  readonly facts: Fact[]
  readonly clientIn: PassThrough
  readonly clientOut: PassThrough
  readonly serverIn: PassThrough
  readonly serverOut: PassThrough
}

function attach(options: Partial<GuardOptions> = {}): Ends {
  const facts: Fact[] = []
  const [clientIn, clientOut, serverIn, serverOut] = [
    new PassThrough(),
    new PassThrough(),
    new PassThrough(),
    new PassThrough(),
  ]
  const guard = createGuard({ record: (fact) => facts.push(fact), ...options })
  return {
    pipe: attachGuard(guard, { clientIn, clientOut, serverIn, serverOut }),
    facts,
    clientIn,
    clientOut,
    serverIn,
    serverOut,
  }
}

function line(message: object): string {
  return `${JSON.stringify(message)}\n`
}

/** Reads until so many whole lines have come. */
async function readLines(source: Readable, count: number): Promise<string[]> {
  const lines: string[] = []
  let rest = ''
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const parts = `${rest}${chunk.toString()}`.split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    if (lines.length >= count) return lines
  }
  return lines
}

describe('the pipe', () => {
  it('carries a conversation, and the ends of input', async () => {
    const { pipe, clientIn, clientOut, serverIn, serverOut } = attach()
    clientIn.write(line(request(1, 'ping')))
    assert.deepEqual(await readLines(serverIn, 1), [JSON.stringify(request(1, 'ping'))])
    serverOut.write(line(result(1)))
    assert.deepEqual(await readLines(clientOut, 1), [JSON.stringify(result(1))])

    clientIn.end()
    serverIn.resume()
    await once(serverIn, 'end')
    assert.deepEqual(await pipe.ended, { side: 'client', error: undefined })

    serverOut.end(line(notification('last')))
    await pipe.serverEnded
    assert.deepEqual(await readLines(clientOut, 1), [JSON.stringify(notification('last'))])
  })

  it('answers what is left when the server is gone, and returns when the client has it', async () => {
    const { pipe, clientIn, clientOut, serverIn, serverOut } = attach()
    clientIn.write(line(request(1, 'slow')))
    await readLines(serverIn, 1)
    serverOut.end()
    assert.deepEqual(await pipe.ended, { side: 'server', error: undefined })
    const lines = readLines(clientOut, 1)
    await pipe.serverGone('the server exited with code 1')
    assert.equal(errorsIn(await lines)[0]?.error.message, 'No answer will come: the server exited with code 1')
  })

  it('does not wait for a client that reads nothing longer than it is told to', async () => {
    const { pipe, clientIn, clientOut, serverIn } = attach()
    clientIn.write(line(request(1, 'slow')))
    await readLines(serverIn, 1)
    // Full to the brim: nothing leaves until somebody reads.
    while (clientOut.write(Buffer.alloc(64 << 10, 0x20)));
    await pipe.serverGone('over', 20)
    assert.ok(clientOut.writableLength > 0)
  })

  it('stops reading the server while the client does not read, and goes on when it does', async () => {
    const { clientOut, serverOut } = attach()
    const message = line(notification('n', { data: 'x'.repeat(1000) }))
    let sent = 0
    // As a pipe of the system does: write until it is full.
    const fill = async (): Promise<void> => {
      for (let calm = 0; calm < 50;) {
        calm = serverOut.writableNeedDrain ? calm + 1 : 0
        if (calm === 0) {
          serverOut.write(message)
          sent++
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await fill()
    const held =
      clientOut.writableLength + clientOut.readableLength + serverOut.writableLength + serverOut.readableLength
    assert.ok(held < 512 << 10, `${held} bytes are held for a client that does not read`)
    const lines = await readLines(clientOut, sent)
    assert.equal(lines.length, sent, 'nothing is lost')
  })

  it('stops reading a client that does not read its errors', async () => {
    const { clientIn, clientOut } = attach()
    const junk = Buffer.from('junk\n'.repeat(1000))
    for (let calm = 0; calm < 50;) {
      calm = clientIn.writableNeedDrain ? calm + 1 : 0
      if (calm === 0) clientIn.write(junk)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(clientOut.writableLength < 4 << 20, `${clientOut.writableLength} bytes of errors are held`)
  })

  it('slows down a side that sends faster than the cap, without losing a message', async () => {
    const { clientIn, serverIn } = attach({ limits: { messagesPerSecond: 1000 } })
    const start = performance.now()
    const burst = line(notification('n')).repeat(1100)
    clientIn.write(burst)
    const first = await readLines(serverIn, 1100)
    clientIn.write(line(notification('after')))
    const [after] = await readLines(serverIn, 1)
    assert.equal(first.length, 1100)
    assert.equal(after, JSON.stringify(notification('after')))
    assert.ok(performance.now() - start > 60, 'a tenth of a second is owed for a hundred too many')
  })

  it('gives up a request after its time, without anything else happening', async () => {
    const { clientIn, clientOut, serverIn } = attach({ requestTimeMs: 30 })
    clientIn.write(line(request(1, 'slow')))
    const [asked, cancelled] = await readLines(serverIn, 2)
    assert.equal(asked, JSON.stringify(request(1, 'slow')))
    assert.match(cancelled ?? '', /notifications\/cancelled.*"requestId":1/)
    assert.equal(errorsIn(await readLines(clientOut, 1))[0]?.error.data?.reason, 'timed-out')
  })

  it('hands on nothing more once a fact could not be recorded, and says why', async () => {
    let broken = false
    const { pipe, clientIn, clientOut, serverIn, serverOut } = attach({
      record: () => {
        if (broken) throw new GloveboxError('AUDIT_UNWRITABLE', 'The disk is full.')
      },
    })
    const call = line(request(1, 'tools/call', { name: 'x' }))
    clientIn.write(call)
    await readLines(serverIn, 1)
    broken = true
    clientIn.write(line(request(2, 'tools/call', { name: 'x' })))
    await assert.rejects(pipe.ended, /The disk is full/)
    clientIn.write(line(request(3, 'ping')))
    serverOut.end(line(result(1)))
    await pipe.serverEnded
    assert.equal(serverIn.readableLength, 0)
    assert.deepEqual(
      errorsIn(await readLines(clientOut, 2)).map(({ id, error }) => [id, error.message]),
      [
        [1, 'No answer will come: The disk is full.'],
        [2, 'No answer will come: The disk is full.'],
      ],
    )
    await pipe.serverGone('over')
    assert.equal(clientOut.readableLength, 0)
  })

  it('ends with the side whose stream breaks, and does not crash', async () => {
    for (const [stream, side] of [
      ['clientIn', 'client'],
      ['clientOut', 'client'],
      ['serverIn', 'server'],
      ['serverOut', 'server'],
    ] as const) {
      const ends = attach()
      const broken = new Error('EPIPE')
      ends[stream].destroy(broken)
      assert.deepEqual(await ends.pipe.ended, { side, error: broken })
      ends.clientIn.write(line(request(1, 'ping')))
      await ends.pipe.serverGone('over', 20)
    }
  })

  it('goes on reading when the one that it waited for is gone', async () => {
    const { pipe, clientOut, serverOut } = attach()
    for (let i = 0; i < 200; i++) serverOut.write(line(notification('n', { data: 'x'.repeat(1000) })))
    serverOut.end()
    while (!clientOut.writableNeedDrain) await new Promise((resolve) => setImmediate(resolve))
    clientOut.destroy()
    await pipe.serverEnded
    assert.deepEqual(await pipe.ended, { side: 'client', error: undefined })
  })

  it('hands on each message of a real server process at once, waiting for nothing', async () => {
    const echo = `
      process.stdin.setEncoding('utf8').on('data', (text) => {
        for (const line of text.split('\\n')) if (line) process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(line).id, result: {} }) + '\\n')
      })`
    const server = spawn(process.execPath, ['-e', echo], { stdio: ['pipe', 'pipe', 'inherit'] })
    const clientIn = new PassThrough()
    const answers: { resolve?: () => void } = {}
    const clientOut = new Writable({
      write(_chunk, _encoding, done) {
        answers.resolve?.()
        done()
      },
    })
    attachGuard(createGuard({ record: () => undefined }), {
      clientIn,
      clientOut,
      serverIn: server.stdin,
      serverOut: server.stdout,
    })
    const took: number[] = []
    for (let id = 0; id < 300; id++) {
      const answered = new Promise<void>((resolve) => (answers.resolve = resolve))
      const start = performance.now()
      clientIn.write(line(request(id, 'tools/call', { name: 'echo', arguments: {} })))
      await answered
      took.push(performance.now() - start)
    }
    clientIn.end()
    await once(server, 'exit')
    const quick = took.slice(100).toSorted((a, b) => a - b)[20] ?? Infinity
    // Some hundredths of a millisecond on a quiet machine. A timer or a wait for more bytes costs each message much more, also the tenth part
    // that found its processors free.
    assert.ok(quick < 5, `only a tenth came back within ${quick} ms`)
  })

  it('carries the transcript of a process that writes everything at once', async () => {
    const count = 5000
    const flood = `for (let i = 0; i < ${count}; i++) process.stdout.write(JSON.stringify({ jsonrpc: '2.0', method: 'n', params: { i } }) + '\\n')`
    const server = spawn(process.execPath, ['-e', flood], { stdio: ['pipe', 'pipe', 'inherit'] })
    const clientOut = new PassThrough()
    const pipe = attachGuard(createGuard({ record: () => undefined }), {
      clientIn: Readable.from([]),
      clientOut,
      serverIn: server.stdin,
      serverOut: server.stdout,
    })
    const lines = createInterface({ input: clientOut })
    const seen: number[] = []
    lines.on('line', (text) => seen.push((JSON.parse(text) as { params: { i: number } }).params.i))
    await pipe.serverEnded
    clientOut.end()
    await once(lines, 'close')
    assert.deepEqual(
      seen,
      Array.from({ length: count }, (_, index) => index),
    )
  })
})

describe('a question of our own', () => {
  const question = { message: 'May it?', choices: [{ value: 'once', title: 'Once' }] }

  it('is no when nobody answers in time, and the client is told', async () => {
    const { pipe, clientOut } = attach()
    const lines = createInterface({ input: clientOut })[Symbol.asyncIterator]()
    assert.deepEqual(await pipe.ask(question, 1), { how: 'time' })
    const sent = [await lines.next(), await lines.next()].map(({ value }) => JSON.parse(String(value)))
    assert.deepEqual(
      sent.map(({ method }) => method),
      ['elicitation/create', 'notifications/cancelled'],
    )
    assert.equal(sent[1].params.requestId, sent[0].id)
  })

  it('is no when the client leaves', async () => {
    const { pipe, clientIn } = attach()
    const asked = pipe.ask(question, 60_000)
    clientIn.end()
    assert.deepEqual(await asked, { how: 'client' })
  })
})
