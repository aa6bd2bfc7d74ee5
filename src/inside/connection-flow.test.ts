import assert from 'node:assert/strict'
import type { ServerHttp2Stream } from 'node:http2'
import { test } from 'node:test'
import { connected, failing, filePath, stats } from '../../test/support/inside-connection.ts'
import { framed, http2Peer, rawPeer, respond } from '../../test/support/inside-peer.ts'
import { encodeBytes, encodeStatsReply, filesCalls, portsCalls, statsCalls } from '../protocol/inside/v1.ts'
import { readAhead } from '../system/read-ahead.ts'
import { openConnection } from './connection.ts'

test('A thousand calls at once come to their own ends', async (t) => {
  const open = await http2Peer(t, (stream) => {
    const parts: Buffer[] = []
    stream.on('data', (chunk: Buffer) => parts.push(chunk))
    stream.on('end', () => {
      respond(stream)
      // Path back as data: field 2 of FilePath, field 1 of Bytes.
      const path = Buffer.concat(parts).subarray(7)
      stream.end(framed(encodeBytes({ data: path })))
    })
  })
  const connection = await connected(t, open)
  const answers = await Promise.all(
    Array.from({ length: 1000 }, async (_, index) => {
      const stream = connection.open(filesCalls.tarOut)
      await stream.send({ ...filePath, path: Buffer.from(`file-${index}`) })
      stream.end()
      let text = ''
      for await (const { data } of stream.messages) text += Buffer.from(data).toString()
      return text
    }),
  )
  assert.deepEqual(
    answers,
    Array.from({ length: 1000 }, (_, index) => `file-${index}`),
  )
})

test('Who does not read stalls its own call, holds no more than its window, and holds up nobody', async (t) => {
  let stalledBytes = 0
  const chunk = framed(encodeBytes({ data: Buffer.alloc(65_536) }))
  const open = await http2Peer(t, (stream, path) => {
    respond(stream)
    if (path.endsWith('TarOut')) return pour(stream, chunk, 400, (bytes) => (stalledBytes += bytes))
    stream.end(framed(encodeStatsReply(stats)))
  })
  const connection = await connected(t, open, { window: 256 * 1024 })
  const stalled = Array.from({ length: 20 }, () => {
    const stream = connection.open(filesCalls.tarOut)
    stream.send(filePath).catch(() => undefined)
    return stream
  })
  await Promise.all(stalled.map(({ answered }) => answered))
  for (let round = 0; round < 200; round++) assert.equal((await connection.unary(statsCalls.read, {})).processes, 2)
  const reading = connection.open(filesCalls.tarOut)
  reading.send(filePath).catch(() => undefined)
  let bytes = 0
  for await (const { data } of reading.messages) bytes += data.length
  assert.equal(bytes, 400 * 65_536)
  // Their windows, and what the peer holds itself: far from the 500 MB that they would be.
  assert.ok(stalledBytes < 60 * 1024 ** 2, `${stalledBytes} bytes were taken`)
  for (const stream of stalled) stream.cancel()
})

/** As much as there is room for, as often as there is. */
function pour(stream: ServerHttp2Stream, chunk: Buffer, times: number, onWritten: (bytes: number) => void): void {
  let left = times
  const go = (): void => {
    while (left > 0) {
      left -= 1
      onWritten(chunk.length)
      if (!stream.write(chunk)) return void stream.once('drain', go)
    }
    stream.end()
  }
  go()
}

test('An answer that is whole before we have sent all comes whole, however slowly it is read', async (t) => {
  const chunk = framed(encodeBytes({ data: Buffer.alloc(50_000) }))
  const open = await http2Peer(t, (stream) => {
    respond(stream)
    pour(stream, chunk, 10, () => undefined)
    // RFC 9113, 8.1: a server that needs no more of the request.
    stream.once('wantTrailers', () => setImmediate(() => stream.close(0)))
  })
  const connection = await connected(t, open)
  const stream = connection.open(filesCalls.tarOut)
  await stream.send(filePath)
  let bytes = 0
  for await (const { data } of stream.messages) {
    bytes += data.length
    // Let everything else that came be taken in first: what is read next was waiting.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(bytes, 500_000)
  assert.equal(stream.trailers()['grpc-status'], '0')
})

test('Much in both directions at once does not lock up with a peer that reads only when it can write', async (t) => {
  // Node's own HTTP/2 is such a peer.
  const open = await http2Peer(t, (stream) => {
    respond(stream)
    stream.on('data', (chunk: Buffer) => {
      if (!stream.write(chunk)) stream.pause()
    })
    stream.on('drain', () => stream.resume())
    stream.on('end', () => stream.end())
  })
  const connection = await openConnection(readAhead(await open(), 64 * 1024 ** 2))
  t.after(() => connection.close())
  const stream = connection.open(portsCalls.connect)
  const chunk = Buffer.alloc(256 * 1024)
  const sending = (async () => {
    for (let times = 0; times < 200; times++) await stream.sendBytes(1, chunk)
    stream.end()
  })()
  let bytes = 0
  for await (const { data } of stream.messages) bytes += data.length
  await sending
  assert.equal(bytes, 200 * chunk.length)
})

test('A queue before the socket is bounded: a peer that reads nothing stops the writer', async (t) => {
  const open = await rawPeer(t, (socket) => socket.pause())
  const stream = readAhead(await open(), 1024 ** 2)
  t.after(() => stream.destroy())
  let written = 0
  const chunk = Buffer.alloc(65_536)
  while (stream.write(chunk)) written += chunk.length
  const stuck = written
  assert.ok(stuck >= 1024 ** 2 && stuck < 4 * 1024 ** 2, `${stuck} bytes`)
})

test('A call that the peer ends while we still send ends for the reader and the sender', async (t) => {
  const open = await http2Peer(t, (stream) => {
    respond(stream)
    stream.once('data', () => {
      stream.pause()
      stream.once('wantTrailers', () => setImmediate(() => stream.close(0)))
      stream.end(framed(encodeBytes({ data: Buffer.alloc(3) })))
    })
  })
  const connection = await openConnection(readAhead(await open(), 64 * 1024 ** 2))
  t.after(() => connection.close())
  const stream = connection.open(portsCalls.connect)
  const chunk = Buffer.alloc(2 ** 20)
  const sending = (async () => {
    // More than its window: without an end of the call the last of them would wait for ever.
    for (let times = 0; times < 64; times++) await stream.sendBytes(1, chunk)
  })()
  let bytes = 0
  for await (const { data } of stream.messages) bytes += data.length
  assert.equal(bytes, 3)
  await assert.rejects(sending, failing('CHANNEL_LOST', /has ended already/))
})

test('A reader that leaves early ends the call for the peer too', async (t) => {
  const ended = Promise.withResolvers<number>()
  const chunk = framed(encodeBytes({ data: Buffer.alloc(1024) }))
  const open = await http2Peer(t, (stream) => {
    respond(stream)
    pour(stream, chunk, 100_000, () => undefined)
    stream.once('close', () => ended.resolve(stream.rstCode))
  })
  const connection = await connected(t, open)
  const stream = connection.open(filesCalls.tarOut)
  stream.send(filePath).catch(() => undefined)
  for await (const { data } of stream.messages) {
    assert.equal(data.length, 1024)
    break
  }
  assert.equal(await ended.promise, 8) // CANCEL
})
