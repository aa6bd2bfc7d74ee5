import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fakeRelay } from '../../../test/support/fake-relay.ts'
import { unlessLong } from '../../../test/support/requirement.ts'
import type { Incoming } from '../incoming.ts'
import { parseFromRelay, parseGreeting } from './line.ts'
import { listenForRelay } from './relay-link.ts'

const limits = { connections: 10, bytesPerSecond: null, bytes: null, idleMs: 1000, connectMs: 1000 }

async function setUp(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'gbx-link-'))
  const path = join(directory, 's')
  const incoming: Incoming[] = []
  let arrived = Promise.withResolvers<void>()
  const link = await listenForRelay({
    path,
    limits,
    dials: 'relay',
    onTooMany: () => assert.fail('nobody counts here'),
    onIncoming: (each) => {
      incoming.push(each)
      arrived.resolve()
    },
    onDatagrams: () => assert.fail('no datagrams'),
    answer: (query) => (query[0] === 0 ? undefined : Buffer.from(query.toReversed())),
  })
  t.after(async () => {
    await link.close(0)
    rmSync(directory, { recursive: true })
  })
  const next = async (): Promise<Incoming> => {
    await arrived.promise
    arrived = Promise.withResolvers()
    return incoming.at(-1) as Incoming
  }
  return { path, link, next }
}

async function untilClosed(path: string, ...lines: string[]): Promise<string> {
  const socket = connect(path)
  socket.on('error', () => socket.destroy())
  for (const line of lines) socket.write(line)
  let got = ''
  for await (const chunk of socket) got += String(chunk)
  return got
}

test('the socket is for its owner alone, and gone when the link is closed', async (t) => {
  const { path, link } = await setUp(t)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await link.close(0)
  await assert.rejects(fakeRelay(path))
  assert.equal(existsSync(path), false)
})

test('the relay is told the limits, and its questions are answered', async (t) => {
  const { path } = await setUp(t)
  const relay = await fakeRelay(path)
  assert.deepEqual(await relay.query(Buffer.from([1, 2, 3])), Buffer.from([3, 2, 1]))
  assert.deepEqual(await relay.query(Buffer.from([0])), Buffer.alloc(0))
  assert.deepEqual(relay.heard[0], { welcome: limits })
})

test('a connection is handed over with all its bytes, however soon it ends', async (t) => {
  const { path, next } = await setUp(t)
  const relay = await fakeRelay(path)
  const { stream } = relay.open('198.18.0.2', 3128)
  stream.end('all of it')
  const taken = await (await next()).hand()
  assert.equal(Buffer.concat((await taken.toArray()) as Buffer[]).toString(), 'all of it')
  taken.end('and the answer')
  assert.equal(Buffer.concat((await stream.toArray()) as Buffer[]).toString(), 'and the answer')
})

test('bytes that come in one piece with the first line of a carried connection are the program’s', async (t) => {
  const { path, next } = await setUp(t)
  const relay = await fakeRelay(path)
  relay.say('{"id":7,"opened":{"address":"198.18.0.2","port":3128}}')
  const handed = (await next()).hand()
  // Closed by the link before the stream is there.
  relay.say('{"id":7,"closed":{"sent":3,"received":0,"reason":"handed"}}')
  await relay.query(Buffer.from([1]))
  const socket = connect({ path, allowHalfOpen: true })
  socket.end('{"carry":7}\nabc')
  assert.equal(Buffer.concat((await (await handed).toArray()) as Buffer[]).toString(), 'abc')
  assert.equal(await untilClosed(path, '{"carry":7}\n'), '', 'and never a second time')
})

test('there is one link, and nothing is carried that was not asked for', async (t) => {
  const { path, next } = await setUp(t)
  const relay = await fakeRelay(path)
  assert.equal(await untilClosed(path, '{"link":1}\n'), '')
  relay.open('198.18.1.0', 443)
  await next()
  for (const line of ['{"carry":1}\n', '{"carry":99}\n', '{"carry":"1"}\n', 'GET / HTTP/1.1\r\n', 'x'.repeat(70_000)])
    assert.equal(await untilClosed(path, line), '')
  assert.deepEqual(await relay.query(Buffer.from([1])), Buffer.from([1]), 'the link is still there')
})

test('what is not of the protocol ends the link, and every connection with it', async (t) => {
  const { path, next } = await setUp(t)
  const relay = await fakeRelay(path)
  const program = relay.open('198.18.1.0', 443)
  const incoming = await next()
  const ended = incoming.connect({
    addresses: ['192.0.2.1'],
    port: 443,
    judge: undefined,
    onConnected: () => undefined,
  })
  relay.say('{"id":1,"opened":{"address":"198.18.1.0","port":443}}')
  await relay.ended
  assert.equal((await ended).how, 'closed')
  assert.equal(await program.over, 'reset')
  await incoming.closed
  await assert.rejects(incoming.hand(), { code: 'CHANNEL_LOST' })
})

test('a line is what the protocol says, or none', () => {
  const lines = [
    '{"id":1,"opened":{"address":"198.18.0.9","port":443}}',
    '{"id":1,"first":{"bytes":"FgMBAgA=","end":false}}',
    '{"id":1,"connected":{"address":"93.184.216.34"}}',
    '{"id":2,"failed":{"errno":111}}',
    '{"id":3,"query":"EjQB"}',
    '{"id":1,"closed":{"sent":517,"received":9007199254740992,"reason":"end"}}',
  ]
  for (const line of lines) assert.deepEqual(parseFromRelay(line), JSON.parse(line))
  assert.deepEqual(parseFromRelay('{"id":1,"opened":{"address":"::ffff:198.18.0.9","port":1}}'), {
    id: 1,
    opened: { address: '198.18.0.9', port: 1 },
  })
  const none = [
    '',
    '[]',
    'null',
    '{"id":0,"query":""}',
    '{"id":1}',
    '{"id":1.5,"query":""}',
    '{"id":1,"query":"*"}',
    '{"id":1,"query":"","opened":{"address":"1.2.3.4","port":1}}',
    '{"id":1,"opened":{"address":"example.org","port":1}}',
    '{"id":1,"opened":{"address":"1.2.3.4","port":0}}',
    '{"id":1,"opened":{"address":"1.2.3.4","port":65536}}',
    '{"id":1,"closed":{"sent":-1,"received":0,"reason":"end"}}',
    '{"id":1,"closed":{"sent":0,"received":0,"reason":"toString"}}',
    '{"id":1,"failed":{"errno":"x"}}',
    '{"id":1,"first":{"bytes":"","end":1}}',
    '{"id":1,"connected":{}}',
    '{"id":1,"__proto__":{}}',
  ]
  for (const line of none) assert.equal(parseFromRelay(line), undefined, line)
  assert.deepEqual(['{"link":1}', '{"carry":7}', '{"link":2}', '{"carry":0}', 'x'].map(parseGreeting), [
    'link',
    { carry: 7 },
    undefined,
    undefined,
    undefined,
  ])
})

test(
  'a relay in a guest that is kept from its processor has its time, and a visitor that never speaks is let go',
  {
    skip: unlessLong('half a minute of silence'),
  },
  async (t) => {
    const { path } = await setUp(t)
    const silent = untilClosed(path)
    const socket = connect(path)
    t.after(() => socket.destroy())
    await setTimeout(11_000)
    socket.write('{"link":1}\n')
    const [welcome] = (await once(socket, 'data')) as [Buffer]
    assert.match(welcome.toString(), /^\{"welcome":/)
    assert.equal(await silent, '')
  },
)
