import assert from 'node:assert/strict'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { connected, failing, filePath, stats } from '../../test/support/inside-connection.ts'
import { frame, framed, http2Peer, literals, rawPeer, respond } from '../../test/support/inside-peer.ts'
import { within } from '../../test/support/timed.ts'
import { GloveboxError } from '../errors.ts'
import {
  encodeBytes,
  encodeHelloReply,
  encodeStatsReply,
  filesCalls,
  statsCalls,
  type HelloReply,
} from '../protocol/inside/v1.ts'
import { defaultCaps } from './caps.ts'
import { openInside } from './client.ts'
import { openConnection } from './connection.ts'

const hello: HelloReply = {
  protocol: 1,
  version: '0.1.0',
  generation: 7,
  instance: Buffer.alloc(16, 3),
  enforcements: [],
  services: ['glovebox.inside.v1.Exec'],
}

test('A conversation of bytes written by hand from RFC 9113, RFC 7541 and the gRPC protocol', async (t) => {
  const seen: Buffer[] = []
  const open = await rawPeer(t, (socket) => {
    socket.write(frame(4, 0, 0)) // SETTINGS
    let answered = false
    socket.on('data', (chunk: Buffer) => {
      seen.push(chunk)
      const all = Buffer.concat(seen)
      // The request is there when its message is: field 1 is the oldest protocol, field 2 the newest.
      if (answered || !all.includes(Buffer.from([0, 0, 0, 0, 4, 8, 1, 16, 1]))) return
      answered = true
      socket.write(frame(4, 1, 0)) // SETTINGS, acknowledged
      socket.write(frame(1, 4, 1, literals({ ':status': '200', 'content-type': 'application/grpc' })))
      const message = framed(encodeHelloReply(hello))
      // In two DATA frames, cut inside the prefix.
      socket.write(frame(0, 0, 1, message.subarray(0, 3)))
      socket.write(frame(0, 0, 1, message.subarray(3)))
      socket.write(frame(1, 5, 1, literals({ 'grpc-status': '0' })))
    })
  })
  const inside = await openInside(await open())
  t.after(() => inside.close())
  assert.equal(inside.hello.generation, 7)
  const all = Buffer.concat(seen)
  assert.equal(all.toString('latin1', 0, 24), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  assert.deepEqual([all[27], all[28], all.readUInt32BE(29)], [4, 0, 0], 'settings come first')
})

test('Each way of answering a call wrongly ends that call with an error, and no other', async (t) => {
  const two = Buffer.concat([framed(encodeStatsReply(stats)), framed(encodeStatsReply(stats))])
  const bad: [string, RegExp, (stream: ServerHttp2Stream) => void][] = [
    ['CHANNEL_LOST', /an HTTP status 404/, (stream) => stream.respond({ ':status': 404 }, { endStream: true })],
    [
      'CHANNEL_LOST',
      /an answer of type "text\/html"/,
      (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'text/html' })
        stream.end('<html>')
      },
    ],
    [
      'CHANNEL_LOST',
      /ended without a status/,
      (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
        stream.end(framed(encodeStatsReply(stats)))
      },
    ],
    [
      'CHANNEL_LOST',
      /two answers/,
      (stream) => {
        respond(stream)
        stream.end(two)
      },
    ],
    [
      'CHANNEL_LOST',
      /no answer/,
      (stream) => {
        respond(stream)
        stream.end()
      },
    ],
    [
      'CHANNEL_LOST',
      /compressed/,
      (stream) => {
        respond(stream)
        stream.end(Buffer.from([1, 0, 0, 0, 0]))
      },
    ],
    [
      'CHANNEL_LOST',
      /a message of 4294967295 bytes, where 1048576 are allowed/,
      (stream) => {
        respond(stream)
        stream.write(Buffer.from([0, 255, 255, 255, 255, 8]))
      },
    ],
    [
      'CHANNEL_LOST',
      /ended inside a message/,
      (stream) => {
        respond(stream)
        stream.end(Buffer.from([0, 0, 0, 0, 9, 8]))
      },
    ],
    [
      'CHANNEL_LOST',
      /premature EOF|invalid|illegal/,
      (stream) => {
        respond(stream)
        stream.end(framed(Buffer.from([18, 200, 1])))
      },
    ],
    ['CHANNEL_LOST', /lost/, (stream) => stream.close(2)],
    [
      'FAILED',
      /^Read: no such \\u\{1b\}\]0;owned\\u\{7\}\\u\{a\}root# $/,
      (stream) => respondEmpty(stream, '5', encodeURIComponent('no such \u{1b}]0;owned\u{7}\nroot# ')),
    ],
    ['FAILED', /^Read: %zz$/, (stream) => respondEmpty(stream, '5', '%zz')],
    ['FAILED', /^Read: gRPC status 2$/, (stream) => respondEmpty(stream, '2', '')],
    ['CHANNEL_LOST', /without a status/, (stream) => respondEmpty(stream, 'ok', '')],
    [
      'HOST_CANNOT',
      /not here/,
      (stream) => {
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12', 'grpc-message': 'not here' },
          { endStream: true },
        )
      },
    ],
  ]
  let next = -1
  const connection = await connected(
    t,
    await http2Peer(t, (stream) => {
      const [, , answer] = bad[next] ?? []
      if (answer) return answer(stream)
      respond(stream)
      stream.end(framed(encodeStatsReply(stats)))
    }),
  )
  for (const [index, [code, message]] of bad.entries()) {
    next = index
    await assert.rejects(connection.unary(statsCalls.read, {}), failing(code, message), `case ${index}: ${message}`)
    next = -1
    assert.equal((await connection.unary(statsCalls.read, {})).memoryBytes, 4096, `after case ${index}`)
  }
})

function respondEmpty(stream: ServerHttp2Stream, status: string, message: string): void {
  respond(stream, status, message === '' ? {} : { 'grpc-message': message })
  stream.end()
}

test('A peer that accepts and says nothing is given up', async (t) => {
  const open = await rawPeer(t, () => undefined)
  await within(1000, async () => {
    const attempt = openConnection(await open(), { ...defaultCaps, connectMs: 100 })
    await assert.rejects(attempt, failing('CHANNEL_LOST', /nobody answers/))
  })
})

test('A peer that speaks something else is given up at once', async (t) => {
  for (const bytes of ['HTTP/1.1 400 Bad Request\r\n\r\n', '\0'.repeat(100), 'SSH-2.0-OpenSSH_9.2\r\n']) {
    const open = await rawPeer(t, (socket) => void socket.write(bytes))
    await within(1000, async () => assert.rejects(openConnection(await open()), failing('CHANNEL_LOST', /lost/)))
  }
})

test('A peer that closes at once is told', async (t) => {
  const open = await rawPeer(t, (socket) => void socket.end())
  await within(1000, async () => assert.rejects(openConnection(await open()), failing('CHANNEL_LOST', /lost/)))
})

test('A peer that falls silent is lost, and what waited on it ends', async (t) => {
  const open = await rawPeer(t, (socket) => {
    socket.write(frame(4, 0, 0))
    socket.resume()
  })
  // An eighth of the silence that is borne by default: how long that one is, the clock of liveness.test.ts says.
  await within(1000, async () => {
    const connection = await connected(t, open, { callMs: 60_000, silenceMs: 100 })
    const call = connection.unary(statsCalls.read, {})
    await assert.rejects(call, failing('CHANNEL_LOST', /no sign of life/))
    assert.match(String((await connection.closed)?.message), /no sign of life/)
    await assert.rejects(connection.unary(statsCalls.read, {}), failing('CHANNEL_LOST', /no sign of life/))
  })
})

test('A peer that only has nothing to say is not lost', async (t) => {
  let finish = (): void => undefined
  let pings = 0
  const connection = await connected(
    t,
    await http2Peer(
      t,
      (stream) => {
        respond(stream)
        finish = () => void stream.end(framed(encodeStatsReply(stats)))
      },
      () => {
        // Asked many times more often than a silence would be borne.
        if (++pings === 30) finish()
      },
    ),
    { silenceMs: 50 },
  )
  const call = connection.unary(statsCalls.read, {})
  assert.equal((await call).memoryBytes, 4096)
})

test('A call has its time, and the connection outlives it', async (t) => {
  const connection = await connected(t, await http2Peer(t, (stream) => respond(stream)))
  await within(1000, async () => {
    const call = connection.unary(statsCalls.read, {}, { timeoutMs: 50 })
    await assert.rejects(call, failing('TIMED_OUT', /no answer within 50 ms/))
  })
  assert.equal(await Promise.race([connection.closed, Promise.resolve('open')]), 'open')
})

test('A peer that is killed in the middle ends each call at once', async (t) => {
  let last: Socket | undefined
  const open = await http2Peer(t, (stream) => {
    respond(stream)
    stream.write(framed(encodeBytes({ data: Buffer.alloc(10) })))
    last = stream.session?.socket as Socket
  })
  await within(1000, async () => {
    const connection = await connected(t, open)
    const streams = Array.from({ length: 3 }, () => connection.open(filesCalls.tarOut))
    const ends = streams.map(async (stream) => {
      stream.send(filePath).catch(() => undefined)
      for await (const { data } of stream.messages) {
        assert.equal(data.length, 10)
        last?.destroy()
      }
    })
    for (const end of ends) await assert.rejects(end, failing('CHANNEL_LOST', /lost/))
  })
})

test('More calls at once than agreed are refused here', async (t) => {
  const connection = await connected(t, await http2Peer(t, (stream) => respond(stream)), { streams: 2 })
  const open = [connection.open(filesCalls.tarOut), connection.open(filesCalls.tarOut)]
  assert.throws(() => connection.open(filesCalls.tarOut), failing('FAILED', /more than 2 calls/))
  for (const stream of open) stream.cancel()
})

test('Headers that are too large or too many end the connection, not us', async (t) => {
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, 'y']))
  for (const headers of [many, { 'x-large': 'y'.repeat(60_000) }]) {
    const open = await http2Peer(t, (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...headers })
      stream.end()
    })
    const connection = await connected(t, open)
    await assert.rejects(connection.unary(statsCalls.read, {}, { timeoutMs: 2000 }), GloveboxError)
  }
})

test('Hello: another protocol, an answer that nobody offered, and an instance that is none', async (t) => {
  const answers: [string, RegExp, (stream: ServerHttp2Stream) => void][] = [
    ['HOST_CANNOT', /another version of Glovebox/, (stream) => respondEmpty(stream, '9', 'protocol 2 or 3')],
    ['CHANNEL_LOST', /in protocol 2/, (stream) => say(stream, { ...hello, protocol: 2 })],
    ['CHANNEL_LOST', /not 16 bytes/, (stream) => say(stream, { ...hello, instance: Buffer.alloc(3) })],
  ]
  for (const [code, message, answer] of answers) {
    const open = await http2Peer(t, answer)
    await assert.rejects(openInside(await open()), failing(code, message))
  }
})

function say(stream: ServerHttp2Stream, reply: HelloReply): void {
  respond(stream)
  stream.end(framed(encodeHelloReply(reply)))
}
