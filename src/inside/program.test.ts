import assert from 'node:assert/strict'
import type { ServerHttp2Stream } from 'node:http2'
import { test, type TestContext } from 'node:test'
import { framed, http2Peer, respond } from '../../test/support/inside-peer.ts'
import { GloveboxError } from '../errors.ts'
import {
  decodeExecInput,
  encodeExecOutput,
  type ExecEnded,
  type ExecInput,
  type ExecOutput,
} from '../protocol/inside/v1.ts'
import { createMessageParser } from '../protocol/inside/grpc.ts'
import { openConnection } from './connection.ts'
import { startProgram, type Program } from './program.ts'

type Output = NonNullable<ExecOutput['output']>
type Input = NonNullable<ExecInput['input']>

const started: Output = { case: 'started', value: { pid: 42 } }
const stdout: Output = { case: 'stdout', value: Buffer.from('out') }
const ended = (how: ExecEnded['how']): Output => ({
  case: 'ended',
  value: { how, wallMs: 5, cpuMs: 4, peakMemoryBytes: 3 },
})
const exited = ended({ case: 'code', value: 3 })

const start = {
  argv: [Buffer.from('true')],
  environment: [],
  environmentOnly: false,
  directory: undefined,
  terminal: undefined,
}

function say(stream: ServerHttp2Stream, ...outputs: readonly Output[]): void {
  for (const output of outputs) stream.write(framed(encodeExecOutput({ output })))
}

/** A program by a peer that answers each input as it is told to. */
async function against(
  t: TestContext,
  onInput: (input: Input, stream: ServerHttp2Stream) => void,
  onOutput: (stream: string, bytes: Uint8Array) => void = () => undefined,
  signalStatus: string = '0',
): Promise<Program> {
  const open = await http2Peer(t, (stream, path) => {
    if (path.endsWith('/Signal')) {
      respond(stream, signalStatus)
      stream.end(signalStatus === '0' ? framed(Buffer.alloc(0)) : undefined)
      return
    }
    respond(stream)
    const parser = createMessageParser(1024 ** 2)
    stream.on('data', (chunk: Buffer) => {
      for (const message of parser.push(chunk)) {
        const { input } = decodeExecInput(message)
        if (input) onInput(input, stream)
      }
    })
  })
  const connection = await openConnection(await open())
  t.after(() => connection.close())
  return startProgram(connection, start, onOutput)
}

test('A program is started, spoken with, and its end told', async (t) => {
  const inputs: string[] = []
  const outputs: string[] = []
  const program = await against(
    t,
    (input, stream) => {
      inputs.push(input.case)
      if (input.case === 'start') say(stream, started, stdout, { case: 'stderr', value: Buffer.from('err') })
      if (input.case === 'resize') {
        say(stream, exited)
        stream.end()
      }
    },
    (name, bytes) => void outputs.push(`${name}: ${Buffer.from(bytes).toString()}`),
  )
  assert.equal(program.pid, 42)
  await program.write(Buffer.from('in'))
  await program.endInput()
  await program.signal(15)
  await program.resize({ rows: 1, columns: 2 })
  assert.deepEqual((await program.ended).how, { case: 'code', value: 3 })
  assert.deepEqual(inputs, ['start', 'stdin', 'stdinEnd', 'resize'])
  assert.deepEqual(outputs, ['stdout: out', 'stderr: err'])
})

test('What the kernel does not execute is told by its kind', async (t) => {
  for (const [errno, code] of [
    [2, 'NOT_FOUND'],
    [13, 'NOT_EXECUTABLE'],
  ] as const) {
    const attempt = against(t, (_, stream) => {
      say(stream, ended({ case: 'notExecuted', value: errno }))
      stream.end()
    })
    await assert.rejects(attempt, { code })
  }
})

test('An order of answers that cannot be is the end of the call', async (t) => {
  const wrong: [string, readonly Output[], RegExp][] = [
    ['output first', [stdout], /not started/],
    ['an end without a beginning', [exited], /cannot be/],
    ['started twice', [started, started], /twice/],
    ['more after the end', [started, exited, stdout], /has ended/],
    ['no end', [started], /did not say how/],
    ['no word', [], /did not say how/],
    ['an end in no way', [started, ended(undefined)], /cannot be/],
    ['a code that is none', [started, ended({ case: 'code', value: 256 })], /cannot be/],
    ['a negative one', [started, ended({ case: 'code', value: -1 })], /cannot be/],
    ['a signal that is none', [started, ended({ case: 'signal', value: 65 })], /cannot be/],
  ]
  for (const [name, outputs, message] of wrong) {
    const attempt = against(t, (_, stream) => {
      say(stream, ...outputs)
      stream.end()
    }).then(({ ended: end }) => end)
    await assert.rejects(attempt, (error) => {
      assert.ok(error instanceof GloveboxError && error.code === 'CHANNEL_LOST', `${name}: ${String(error)}`)
      assert.match(error.message, message, name)
      return true
    })
  }
})

test('A reader of output that fails ends the call', async (t) => {
  const gave = new GloveboxError('FAILED', 'disk full')
  const attempt = against(
    t,
    (_, stream) => say(stream, started, stdout),
    () => {
      throw gave
    },
  ).then(({ ended: end }) => end)
  await assert.rejects(attempt, (error) => error instanceof GloveboxError)
})

test('Who gives a program up ends its call', async (t) => {
  const closed = Promise.withResolvers<number>()
  const program = await against(t, (_, stream) => {
    stream.once('close', () => closed.resolve(stream.rstCode))
    say(stream, started)
  })
  program.kill()
  assert.equal(await closed.promise, 8)
  await assert.rejects(program.ended, { code: 'CHANNEL_LOST' })
})

test('A signal to a program that has ended meanwhile is no error, any other refusal is one', async (t) => {
  const begin = (_: Input, stream: ServerHttp2Stream): void => say(stream, started)
  const gone = await against(t, begin, undefined, '5')
  await gone.signal(15)
  const refused = await against(t, begin, undefined, '7')
  await assert.rejects(refused.signal(15), { code: 'REFUSED' })
  for (const program of [gone, refused]) {
    program.kill()
    await assert.rejects(program.ended)
  }
})
