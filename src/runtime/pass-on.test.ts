import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { passOn } from './pass-on.ts'

interface Reader {
  readonly got: string[]
  /** Lets one more piece in. */
  readonly takes: () => Promise<void>
  readonly take: (chunk: Buffer) => Promise<void>
}

/** Takes a piece when it is told to, and not before. */
function slowReader(): Reader {
  const got: string[] = []
  const pending: (() => void)[] = []
  return {
    got,
    take: async (chunk) =>
      new Promise((resolve) => {
        pending.push(() => {
          got.push(chunk.toString())
          resolve()
        })
      }),
    async takes() {
      pending.shift()?.()
      await new Promise(setImmediate)
    },
  }
}

test('a stream that is made to flow again while a piece waits keeps its order, and is whole', async () => {
  const stream = new PassThrough()
  const reader = slowReader()
  const heard = passOn(stream, reader.take)
  for (const piece of ['one', 'two', 'LAST']) {
    stream.write(piece)
    await new Promise(setImmediate)
    // As Node does at the end of a process.
    stream.resume()
  }
  stream.end()
  for (let turn = 0; turn < 3; turn++) await reader.takes()
  await heard(10_000)
  assert.equal(reader.got.join(' '), 'one two LAST')
})

test('a reader that takes nothing more is given up, and one that goes on is not', async () => {
  const stream = new PassThrough()
  const reader = slowReader()
  const heard = passOn(stream, reader.take)
  stream.end('one')
  await new Promise(setImmediate)
  await heard(20)
  assert.deepEqual(reader.got, [])
  await reader.takes()
  await heard(10_000)
  assert.deepEqual(reader.got, ['one'])
})

test('a reader that takes a large piece little by little is not given up', async () => {
  const stream = new PassThrough()
  let bytes = 0
  const heard = passOn(stream, async (chunk, onTaken) => {
    for (; bytes < chunk.length; bytes += 1000) {
      await pause(20)
      onTaken()
    }
  })
  stream.end(Buffer.alloc(20_000))
  await heard(150)
  assert.equal(bytes, 20_000)
})

test('what is taken at once holds up nothing', async () => {
  const stream = new PassThrough()
  const got: string[] = []
  const heard = passOn(stream, (chunk) => void got.push(chunk.toString()))
  stream.write('one')
  stream.end('two')
  await heard(10_000)
  assert.equal(got.join(''), 'onetwo')
})
