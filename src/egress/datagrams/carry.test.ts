import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { Duplex, duplexPair } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { carryDatagrams, type CarryOptions } from './carry.ts'
import { createFrames, frameOf } from './frames.ts'
import { createPace } from './pace.ts'

/** A peer on the loopback: what it got, and who sent it. */
async function peer(t: TestContext, address: string = '127.0.0.1') {
  const socket: Socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  await new Promise<void>((resolve) => socket.bind(0, address, resolve))
  let isOpen = true
  const close = async (): Promise<void> => {
    if (isOpen) await new Promise<void>((resolve) => void socket.close(resolve))
    isOpen = false
  }
  t.after(close)
  const next = async (): Promise<{ text: string; port: number }> => {
    const [bytes, from] = (await once(socket, 'message')) as [Buffer, { port: number }]
    return { text: bytes.toString(), port: from.port }
  }
  return { socket, next, close, port: socket.address().port }
}

function carrying(options: Pick<CarryOptions, 'port'> & Partial<CarryOptions>) {
  const [ours, theirs] = duplexPair()
  const heard: string[] = []
  const parts: { resolve: () => void; promise: Promise<void> } = Promise.withResolvers<void>()
  theirs.on(
    'data',
    createFrames((datagram) => (heard.push(datagram.toString()), parts.resolve())),
  )
  const connected: string[] = []
  const ended = carryDatagrams(ours, {
    addresses: ['127.0.0.1'],
    idleMs: 60_000,
    pace: () => true,
    onConnected: (address) => void connected.push(address),
    ...options,
  })
  return { theirs, heard, firstHeard: parts.promise, ended, connected }
}

test('datagrams go to the address that was checked and back, however the stream was cut', async (t) => {
  const { next, socket, port } = await peer(t)
  const { theirs, heard, firstHeard, ended, connected } = carrying({ port })
  const bytes = Buffer.concat(['one', 'two'].map((text) => frameOf(Buffer.from(text))))
  const got = next()
  theirs.write(bytes.subarray(0, 6))
  const { text, port: from } = await got
  assert.equal(text, 'one')
  const second = next()
  theirs.write(bytes.subarray(6))
  assert.deepEqual(await second, { text: 'two', port: from })
  socket.send('back', from, '127.0.0.1')
  await firstHeard
  assert.deepEqual([heard, connected], [['back'], ['127.0.0.1']])
  theirs.end()
  const datagrams = { sent: 2, received: 1, dropped: 0 }
  assert.deepEqual(await ended, { how: 'closed', sent: 6, received: 4, datagrams, reason: 'end' })
})

test('what somebody else sends to the socket does not come back', async (t) => {
  const { next, socket, port } = await peer(t)
  const stranger = await peer(t)
  const elsewhere = await peer(t, '127.0.0.2')
  const { theirs, heard, firstHeard, ended } = carrying({ port })
  theirs.write(frameOf(Buffer.from('hello')))
  const { port: from } = await next()
  for (const each of [stranger, elsewhere]) {
    // Where it is told that nobody takes it, it has been refused already.
    each.socket.on('error', () => undefined)
    await new Promise((resolve) => {
      each.socket.send('spoofed', from, '127.0.0.1', resolve)
    })
  }
  socket.send('mine', from, '127.0.0.1')
  await firstHeard
  theirs.end()
  const { how } = await ended
  assert.deepEqual([how, heard], ['closed', ['mine']])
})

test('where this machine has no way to an address the next is taken, and with none it is told why', async (t) => {
  const { next, port } = await peer(t)
  // 0.0.0.0/8 but its first is nobody (RFC 1122), and a version 6 address without an interface has no way.
  const { theirs, connected, ended } = carrying({ port, addresses: ['fe80::1', '127.0.0.1'] })
  const got = next()
  theirs.write(frameOf(Buffer.from('x')))
  assert.equal((await got).text, 'x')
  assert.deepEqual(connected, ['127.0.0.1'])
  theirs.end()
  await ended
  const nowhere = await carrying({ port, addresses: ['fe80::1'] }).ended
  assert.equal(nowhere.how, 'failed')
  assert.match(nowhere.how === 'failed' ? nowhere.reason : '', /^E[A-Z]+$/)
})

test('a silent conversation ends, and one that is too fast is cut short and counted', async (t) => {
  const { next, port } = await peer(t)
  const { theirs, ended } = carrying({ port, idleMs: 50, pace: createPace(4, () => 0) })
  const got = next()
  theirs.write(Buffer.concat(['a', 'b', 'c'].map((text) => frameOf(Buffer.from(text)))))
  assert.equal((await got).text, 'a')
  const closed = await ended
  const datagrams = { sent: 1, received: 0, dropped: 2 }
  assert.deepEqual(closed, { how: 'closed', sent: 1, received: 0, datagrams, reason: 'idle' })
})

test('a server that is not there loses datagrams and nothing else', async (t) => {
  const gone = await peer(t)
  const { port } = gone
  await gone.close()
  const { theirs, ended } = carrying({ port })
  theirs.write(frameOf(Buffer.from('lost')))
  await new Promise((resolve) => setImmediate(resolve))
  theirs.write(frameOf(Buffer.from('lost again')))
  theirs.end()
  const closed = await ended
  assert.equal(closed.how, 'closed')
})

test('so many a second may go, and a quiet sandbox may catch up on a part of one', () => {
  let now = 0
  const pace = createPace(1000, () => now)
  const count = (times: number): number => Array.from({ length: times }, pace).filter(Boolean).length
  assert.equal(count(1000), 250)
  now = 100
  assert.equal(count(1000), 100)
  now = 60_000
  assert.equal(count(1000), 250)
})

test('a stream that breaks ends the conversation', async (t) => {
  const { port } = await peer(t)
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  const ended = carryDatagrams(stream, {
    addresses: ['127.0.0.1'],
    port,
    idleMs: 60_000,
    pace: () => true,
    onConnected: () => stream.destroy(new Error('broken')),
  })
  stream.on('error', () => undefined)
  assert.equal((await ended).how, 'closed')
})
