import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { GloveboxError } from '../../errors.ts'
import type { Fact, PublishFact } from '../../protocol/facts.ts'
import { encodeBytes, encodeHelloReply } from '../../protocol/inside/v1.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { framed, http2Peer, respond } from '../../../test/support/inside-peer.ts'
import { publish, type Published } from './publish.ts'

const hello = encodeHelloReply({
  protocol: 1,
  version: '0.1.0',
  generation: 1,
  instance: Buffer.alloc(16, 3),
  enforcements: [],
  services: [],
})

const said = (text: string | Uint8Array): Buffer => framed(encodeBytes({ data: Buffer.from(text) }))

interface Scene {
  readonly published: Published
  readonly facts: PublishFact[]
  readonly failures: unknown[]
  /** How often the inside was connected to. */
  readonly lanes: () => number
  readonly visit: () => Socket
}

/** One published port, with an inside that answers as the test likes. */
async function scene(
  t: TestContext,
  answer: (stream: ServerHttp2Stream) => void,
  record: (fact: Fact) => void = () => undefined,
): Promise<Scene> {
  const facts: PublishFact[] = []
  const failures: unknown[] = []
  let lanes = 0
  const open = await http2Peer(t, (stream, path) => {
    if (path.endsWith('Ports/Connect')) return answer(stream)
    respond(stream)
    stream.end(framed(hello))
  })
  const published = await publish({
    ports: [{ address: '127.0.0.1', hostPort: 0, port: 3000 }],
    record: (fact) => {
      record(fact)
      facts.push(fact as PublishFact)
    },
    onFailure: (error) => failures.push(error),
  })
  published.attach(async () => {
    lanes += 1
    return open()
  })
  t.after(() => published.close())
  const visit = (): Socket => {
    const socket = connect({ port: published.ports[0]?.port ?? 0, host: '127.0.0.1', allowHalfOpen: true })
    t.after(() => socket.destroy())
    return socket
  }
  return { published, facts, failures, lanes: () => lanes, visit }
}

/** The error that a connection ends with. */
async function errorOf(socket: Socket): Promise<unknown> {
  socket.resume()
  const [error] = (await once(socket, 'error').catch((thrown: unknown) => [thrown])) as [NodeJS.ErrnoException]
  return error.code
}

const kinds = (facts: readonly PublishFact[]): string[] => facts.map(({ fact }) => fact)

test('each end is handed on by itself, and the visit is recorded before and after', async (t) => {
  const asked: Buffer[] = []
  const { visit, facts } = await scene(t, (stream) => {
    assert.deepEqual(kinds(facts), ['publish-open'], 'recorded before it is led inside')
    respond(stream)
    stream.write(said('first'))
    stream.write(said(''))
    stream.on('data', (chunk: Buffer) => asked.push(chunk))
    stream.on('end', () => stream.end())
  })
  const socket = visit()
  const answered: Buffer[] = []
  socket.on('data', (chunk: Buffer) => answered.push(chunk))
  await once(socket, 'end')
  assert.equal(Buffer.concat(answered).toString(), 'first')
  socket.end('and after that')
  await once(socket, 'close')
  await eventually(() => (facts.length === 2 ? true : undefined))
  assert.ok(Buffer.concat(asked).includes('and after that'))
  const close = facts[1]
  assert.ok(close?.fact === 'publish-close')
  assert.deepEqual([close.sent, close.received, close.reason, close.port], [5, 14, 'end', 3000])
  assert.equal(close.peer.address, '127.0.0.1')
})

test('who asks where nothing listens is reset, with the reason of the inside in the record', async (t) => {
  const { visit, facts } = await scene(t, (stream) =>
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14', 'grpc-message': 'Connection refused' },
      { endStream: true },
    ),
  )
  assert.equal(await errorOf(visit()), 'ECONNRESET')
  await eventually(() => (facts.length === 2 ? true : undefined))
  assert.ok(facts[1]?.fact === 'publish-fail')
  assert.match(facts[1].reason, /Connection refused/)
})

for (const [what, answer] of Object.entries<(stream: ServerHttp2Stream) => void>({
  'a message larger than any of an honest one': (stream) => stream.write(said(Buffer.alloc(300 * 1024))),
  'bytes that are no message': (stream) => stream.write(Buffer.alloc(64, 0xff)),
  'a reset': (stream) => stream.close(2),
})) {
  test(`an inside that sends ${what} loses the connection, and its visitor sees a reset`, async (t) => {
    const { visit, facts } = await scene(t, (stream) => {
      respond(stream)
      answer(stream)
    })
    assert.equal(await errorOf(visit()), 'ECONNRESET')
    await eventually(() => (facts.length === 2 ? true : undefined))
    assert.ok(facts[1]?.fact === 'publish-close')
    assert.equal(facts[1].reason, 'lost')
  })
}

test('an inside that says more behind its own end loses the connection, and none of that is handed on', async (t) => {
  const { visit, facts } = await scene(t, (stream) => {
    respond(stream)
    stream.write(Buffer.concat([said('all'), said(''), said('more')]))
  })
  const socket = visit()
  const answered: Buffer[] = []
  socket.on('data', (chunk: Buffer) => answered.push(chunk))
  await once(socket, 'end')
  assert.equal(Buffer.concat(answered).toString(), 'all')
  await eventually(() => (facts.length === 2 ? true : undefined))
  assert.ok(facts[1]?.fact === 'publish-close' && facts[1].reason === 'lost')
})

test('an inside that pours is held up by a visitor that does not read', async (t) => {
  const part = said(Buffer.alloc(64 * 1024))
  let poured = 0
  let since = Infinity
  const { visit } = await scene(t, (stream) => {
    respond(stream)
    const pour = (): void => {
      while (!stream.destroyed && poured < 2 ** 30) {
        poured += part.length
        since = performance.now()
        if (!stream.write(part)) return void stream.once('drain', pour)
      }
    }
    pour()
  })
  visit().pause()
  // It stands still: sockets and windows are full.
  await eventually(() => (performance.now() - since > 300 ? true : undefined))
  assert.ok(poured < 24 * 1024 ** 2, `${poured} bytes`)
})

test('a visitor that pours is held up by an inside that does not read', async (t) => {
  const { visit } = await scene(t, (stream) => {
    respond(stream)
    stream.pause()
  })
  const socket = visit()
  let poured = 0
  let since = Infinity
  const part = Buffer.alloc(64 * 1024)
  const pour = (): void => {
    while (!socket.destroyed && poured < 2 ** 30) {
      poured += part.length
      since = performance.now()
      if (!socket.write(part)) return void socket.once('drain', pour)
    }
  }
  pour()
  await eventually(() => (performance.now() - since > 300 ? true : undefined))
  // The peer of this test gives a window of 16 MiB; kernel buffers are on top.
  assert.ok(poured < 40 * 1024 ** 2, `${poured} bytes`)
})

test('256 visits are served over four connections, one more is reset, and a flood is counted in one event', async (t) => {
  const { visit, facts, lanes } = await scene(t, (stream) => {
    respond(stream)
    stream.write(said('x'))
  })
  const sockets = Array.from({ length: 256 }, visit)
  await Promise.all(sockets.map(async (socket) => once(socket, 'data')))
  assert.equal(lanes(), 4)
  for (const code of await Promise.all([visit(), visit(), visit()].map(errorOf))) assert.equal(code, 'ECONNRESET')
  const refused = facts.filter(({ fact }) => fact === 'publish-refuse')
  assert.equal(refused.length, 1)
  // One that leaves makes room.
  sockets[0]?.resetAndDestroy()
  await eventually(() => (facts.some(({ fact }) => fact === 'publish-close') ? true : undefined))
  await once(visit(), 'data')
})

test('what cannot be recorded does not happen, and the sandbox is told to end', async (t) => {
  let asked = 0
  const { visit, failures } = await scene(
    t,
    () => (asked += 1),
    () => {
      throw new GloveboxError('AUDIT_UNWRITABLE', 'full')
    },
  )
  assert.equal(await errorOf(visit()), 'ECONNRESET')
  assert.equal(asked, 0)
  assert.equal(failures.length, 1)
})

test('a connection to the inside that is lost is made again', async (t) => {
  let asked = 0
  const { visit, lanes } = await scene(t, (stream) => {
    if (++asked === 1) return stream.session?.destroy()
    respond(stream)
    stream.write(said('x'))
  })
  assert.equal(await errorOf(visit()), 'ECONNRESET')
  await once(visit(), 'data')
  assert.equal(lanes(), 2)
})

test('the end of the sandbox ends every visit, those that wait too, and frees the port', async (t) => {
  const facts: PublishFact[] = []
  const published = await publish({
    ports: [{ address: '127.0.0.1', hostPort: 0, port: 3000 }],
    record: (fact) => void facts.push(fact as PublishFact),
    onFailure: () => undefined,
  })
  const port = published.ports[0]?.port ?? 0
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  await eventually(() => (facts.length === 1 ? true : undefined))
  const ended = errorOf(socket)
  await Promise.all([published.close(), published.close()])
  assert.equal(await ended, 'ECONNRESET')
  assert.deepEqual(kinds(facts), ['publish-open', 'publish-close'])
  assert.ok(facts[1]?.fact === 'publish-close' && facts[1].reason === 'sandbox-ended')
  const next = createServer().listen(port, '127.0.0.1')
  await once(next, 'listening')
  next.close()
})

test('a port that somebody has stops the start, and the other ports are given back', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port: second } = free.address() as AddressInfo
  free.close()
  await once(free, 'close')
  const ports = [second, port].map((hostPort) => ({ address: '127.0.0.1', hostPort, port: 80 }))
  await assert.rejects(publish({ ports, record: () => undefined, onFailure: () => undefined }), (error) => {
    assert.ok(error instanceof GloveboxError)
    assert.deepEqual([error.code, error.exitCode], ['NOT_STARTED', 125])
    assert.ok(error.message.includes(`port ${port} of 127.0.0.1 is taken`))
    assert.ok(error.fix?.includes(`:${port}`))
    return true
  })
  const again = createServer().listen(second, '127.0.0.1')
  await once(again, 'listening')
  again.close()
})
