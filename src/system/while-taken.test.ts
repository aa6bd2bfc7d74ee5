import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import path from 'node:path'
import { PassThrough, type Writable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { hasUntaken, whileTaken } from './while-taken.ts'

/** Both ends of a connection. */
async function connection(t: TestContext): Promise<[Socket, Socket]> {
  const directory = mkdtempSync('/tmp/glovebox-taken-')
  const server = createServer().listen(path.join(directory, 's'))
  await once(server, 'listening')
  const ours = connect(path.join(directory, 's'))
  const [theirs] = (await once(server, 'connection')) as [Socket]
  t.after(() => {
    for (const each of [ours, theirs]) each.destroy()
    server.close()
    rmSync(directory, { recursive: true })
  })
  return [ours, theirs]
}

const written = async (sink: Writable, bytes: number): Promise<void> =>
  new Promise((resolve) => void sink.write(Buffer.alloc(bytes), () => resolve()))

test('a reader of a single large write is waited for as long as he reads', async (t) => {
  const [ours, theirs] = await connection(t)
  const work = written(ours, 8_000_000)
  let pieces = 0
  theirs.on('data', () => {
    pieces++
    theirs.pause()
    setTimeout(() => theirs.resume(), 10)
  })
  const from = performance.now()
  assert.equal(await whileTaken(ours, { idleMs: 100 })(work, 100), true)
  assert.ok(performance.now() - from > 300, 'it took longer than anybody is waited for who reads nothing')
  assert.ok(pieces > 30)
  assert.equal(ours.listenerCount('timeout'), 0)
})

test('a reader who takes nothing of a socket, or of any stream, is given up', async (t) => {
  const [ours] = await connection(t)
  const still = new PassThrough()
  for (const sink of [ours, still]) {
    const work = written(sink, 8_000_000)
    assert.equal(await whileTaken(sink, { idleMs: 50 })(work, 50), false)
    assert.ok(hasUntaken(sink))
    sink.destroy()
    assert.ok(!hasUntaken(sink), 'who is gone lacks nothing')
  }
})

test('a reader who takes nothing is given up by all who wait, though one of them has what it waited for', async (t) => {
  const [ours] = await connection(t)
  const wait = whileTaken(ours, { idleMs: 60 })
  const never = wait(written(ours, 8_000_000), 60)
  const short = wait(new Promise((resolve) => setTimeout(resolve, 30)), 60)
  // Begun again and again, as for one call after another: none puts off the others.
  const begun: Promise<boolean>[] = []
  const beginning = setInterval(() => begun.push(wait(new Promise(() => undefined), 60)), 20)
  assert.equal(await short, true)
  assert.equal(await never, false)
  clearInterval(beginning)
  assert.ok(hasUntaken(ours))
  assert.ok((await Promise.all(begun)).every((isOver) => !isOver))
  assert.equal(ours.listenerCount('timeout'), 0)
})

test('a reader who begins to take after a long silence is waited for', async (t) => {
  const [ours, theirs] = await connection(t)
  const done = Promise.withResolvers<void>()
  const waiting = whileTaken(ours, { idleMs: 60 })(done.promise, 500)
  // Nothing is written at first, for longer than anybody is waited for who reads nothing.
  setTimeout(() => void written(ours, 8_000_000).then(done.resolve), 150)
  theirs.on('data', () => {
    theirs.pause()
    setTimeout(() => theirs.resume(), 10)
  })
  assert.equal(await waiting, true)
})

test('what has nothing to do with the reader has only so long', async (t) => {
  const [ours, theirs] = await connection(t)
  theirs.resume()
  // A writer who never stops, and a reader who takes all of it at once.
  const chatter = setInterval(() => ours.write('more\n'), 5)
  t.after(() => clearInterval(chatter))
  assert.equal(await whileTaken(ours)(new Promise(() => undefined), 100), false)
  await assert.rejects(whileTaken(ours)(Promise.reject(new Error('what went wrong')), 100), /what went wrong/)
})

test('a wait is given up when somebody says so', async (t) => {
  const [ours, theirs] = await connection(t)
  theirs.on('data', () => {
    theirs.pause()
    setTimeout(() => theirs.resume(), 10)
  })
  const asked = new AbortController()
  const waiting = whileTaken(ours, asked)(written(ours, 20_000_000), 60_000)
  setTimeout(() => asked.abort(), 50)
  assert.equal(await waiting, false)
  assert.equal(await whileTaken(ours, asked)(new Promise(() => undefined), 60_000), false)
})

test('a reader of other streams is seen to take whole writes', async () => {
  const sink = new PassThrough({ highWaterMark: 10 })
  const writes = Promise.all(Array.from({ length: 8 }, async () => written(sink, 10)))
  const reading = setInterval(() => sink.read(10), 60)
  assert.equal(await whileTaken(sink)(writes, 150), true)
  clearInterval(reading)
})
