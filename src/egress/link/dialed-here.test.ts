import assert from 'node:assert/strict'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { egressBench, type BenchOptions, type EgressBench } from '../../../test/support/egress.ts'
import { eventually } from '../../../test/support/eventually.ts'
import type { EgressCloseFact } from '../../protocol/facts.ts'

// The relay of these tests keeps to no limit: a guest's need not.

const name = 'db.example'

async function benchWith(
  t: TestContext,
  onSocket: (socket: Socket) => void,
  options: Pick<BenchOptions, 'limits'> = {},
): Promise<EgressBench & { readonly port: number; readonly address: string; readonly connections: () => number }> {
  let connections = 0
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1
    open.add(socket)
    socket.on('error', () => socket.destroy())
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  const bench = await egressBench(t, { names: { [name]: ['127.0.0.1'] }, dials: 'host', ...options })
  const { port } = server.address() as AddressInfo
  return { ...bench, port, address: await bench.addressOf(name), connections: () => connections }
}

const echo = (socket: Socket): void => void socket.pipe(socket)

async function closeOf({ facts }: EgressBench): Promise<EgressCloseFact> {
  return eventually(() => facts.find((fact) => fact.fact === 'egress-close'))
}

test('a connection is carried to the host, which makes it; the relay is never told an address', async (t) => {
  const bench = await benchWith(t, echo)
  const program = bench.relay.open(bench.address, bench.port)
  program.stream.end('select 1')
  assert.equal(Buffer.concat((await program.stream.toArray()) as Buffer[]).toString(), 'select 1')
  assert.equal(await program.over, 'end')
  const { ms, ...close } = await closeOf(bench)
  assert.ok(ms >= 0)
  assert.deepEqual(
    [close.address, close.sent, close.received, close.reason],
    ['127.0.0.1', 'select 1'.length, 'select 1'.length, 'end'],
  )
  assert.ok(!bench.relay.heard.some((line) => 'connect' in line))
})

test('what is refused is reset, and its bytes are never asked for', async (t) => {
  const bench = await benchWith(t, echo)
  assert.equal(await bench.relay.open('198.18.200.7', bench.port).over, 'reset')
  assert.ok(!bench.relay.heard.some((line) => 'hand' in line))
  assert.equal(bench.connections(), 0)
})

test('what cannot be connected to is reset, and recorded with why', async (t) => {
  const bench = await benchWith(t, echo)
  assert.equal(await bench.relay.open(bench.address, 1).over, 'reset')
  const failed = await eventually(() => bench.facts.find((fact) => fact.fact === 'egress-fail'))
  assert.equal(failed.fact === 'egress-fail' && failed.reason, 'ECONNREFUSED')
})

test('an answer that the server cuts is a reset, not an end', async (t) => {
  const bench = await benchWith(t, (socket) => {
    socket.once('data', () => socket.write('half of it', () => socket.resetAndDestroy()))
  })
  const program = bench.relay.open(bench.address, bench.port)
  program.stream.resume().write('\x01')
  assert.equal(await program.over, 'reset')
  assert.equal((await closeOf(bench)).reason, 'reset')
})

test('a program that resets its connection resets it for the server too', async (t) => {
  const reset = Promise.withResolvers<void>()
  const bench = await benchWith(t, (socket) => {
    socket.resume().write('hello')
    socket.once('error', () => reset.resolve()).once('close', () => reset.resolve())
  })
  const program = bench.relay.open(bench.address, bench.port)
  await new Promise((resolve) => program.stream.once('data', resolve))
  bench.relay.say(JSON.stringify({ id: program.id, closed: { sent: 0, received: 5, reason: 'reset' } }))
  await reset.promise
  assert.equal((await closeOf(bench)).reason, 'reset')
})

test('all connections together move no more bytes than they may, whatever the relay says', async (t) => {
  const bench = await benchWith(t, echo, { limits: { bytes: 1500 } })
  const program = bench.relay.open(bench.address, bench.port)
  program.stream.resume().write(Buffer.alloc(1000, 1))
  assert.equal(await program.over, 'reset')
  const { sent, received, reason } = await closeOf(bench)
  assert.equal(reason, 'limit')
  assert.ok(sent <= 1000 && received <= 1000, `${sent} ${received}`)
  assert.equal(await bench.relay.open(bench.address, bench.port).over, 'reset')
  assert.equal(bench.connections(), 1)
})

test('bytes a second are kept for both directions together', async (t) => {
  const bench = await benchWith(t, echo, { limits: { bytesPerSecond: 100_000 } })
  const program = bench.relay.open(bench.address, bench.port)
  const begun = performance.now()
  program.stream.end(Buffer.alloc(40_000, 1))
  const back = Buffer.concat((await program.stream.toArray()) as Buffer[])
  assert.deepEqual(back, Buffer.alloc(40_000, 1))
  // 80,000 bytes, of which 25,000 had been saved up.
  const ms = performance.now() - begun
  assert.ok(ms > 540, `${ms} ms`)
  assert.equal(await program.over, 'end')
})

test('a connection over which nothing moves is cut', async (t) => {
  const bench = await benchWith(t, () => undefined, { limits: { idleMs: 50 } })
  const program = bench.relay.open(bench.address, bench.port)
  assert.equal(await program.over, 'reset')
  assert.equal((await closeOf(bench)).reason, 'idle')
})

test('one connection more than there may be is reset and recorded, and there is room again when one has ended', async (t) => {
  const bench = await benchWith(t, echo, { limits: { connections: 2 } })
  const [first, second] = [0, 1].map(() => bench.relay.open(bench.address, bench.port))
  assert.equal(await bench.relay.open(bench.address, bench.port).over, 'reset')
  const refused = await eventually(() => bench.facts.find((fact) => fact.fact === 'egress-refuse'))
  assert.deepEqual(refused.fact === 'egress-refuse' && [refused.rule, refused.name, refused.port], [
    'network.limits.connections',
    name,
    bench.port,
  ])
  first?.stream.resume().end()
  assert.equal(await first?.over, 'end')
  await closeOf(bench)
  const next = bench.relay.open(bench.address, bench.port)
  next.stream.end('again')
  assert.equal(Buffer.concat((await next.stream.toArray()) as Buffer[]).toString(), 'again')
  second?.stream.destroy()
})

test('a relay that says a connection is over while it still carries it makes no room by that', async (t) => {
  const bench = await benchWith(t, echo, { limits: { connections: 1 } })
  const program = bench.relay.open(bench.address, bench.port)
  program.stream.write('\x01')
  await new Promise((resolve) => program.stream.once('data', resolve))
  bench.relay.say(JSON.stringify({ id: program.id, closed: { sent: 1, received: 1, reason: 'handed' } }))
  const next = bench.relay.open(bench.address, bench.port)
  next.stream.write('\x01')
  await bench.relay.query(Buffer.from([1]))
  assert.equal(bench.connections(), 1)
  program.stream.end()
  await new Promise((resolve) => next.stream.once('data', resolve))
  assert.equal(bench.connections(), 2)
})

test('a relay whose connections wait here may not let ever more of them come and go', async (t) => {
  const bench = await benchWith(t, echo, { limits: { connections: 2 } })
  const held = [0, 1].map(() => bench.relay.open(bench.address, bench.port))
  for (const { stream } of held) {
    stream.write('\x01')
    await new Promise((resolve) => stream.once('data', resolve))
  }
  // Over by what the relay says, while it still carries them: nobody else is let in.
  for (const { id } of held) bench.relay.say(JSON.stringify({ id, closed: { sent: 1, received: 1, reason: 'handed' } }))
  for (let id = 100; id < 200; id += 1) {
    bench.relay.say(JSON.stringify({ id, opened: { address: bench.address, port: bench.port } }))
    bench.relay.say(JSON.stringify({ id, closed: { sent: 0, received: 0, reason: 'end' } }))
  }
  // Answered after all of them.
  await bench.relay.query(Buffer.from([1]))
  const refused = bench.relay.heard.flatMap((line) => ('refuse' in line ? [line.id] : []))
  assert.deepEqual(
    refused,
    Array.from({ length: 98 }, (_, at) => 102 + at),
  )
  for (const { stream } of held) stream.destroy()
})

test('a relay that never brings the bytes that it was asked for loses the connection', async (t) => {
  const bench = await benchWith(t, echo, { limits: { connectMs: 100 } })
  bench.relay.say(JSON.stringify({ id: 1000, opened: { address: bench.address, port: bench.port } }))
  await eventually(() => bench.relay.heard.find((line) => 'refuse' in line && line.id === 1000))
  assert.equal((await closeOf(bench)).reason, 'reset')
})

test('a server that resets before the relay has brought the bytes ends that connection alone', async (t) => {
  const { relay, address, port } = await benchWith(t, (socket) => void setImmediate(() => socket.resetAndDestroy()))
  relay.say(JSON.stringify({ id: 1000, opened: { address, port } }))
  await eventually(() => relay.heard.find((line) => 'hand' in line))
  // Had nobody listened, the error of this socket would have ended the process, and the test with it.
  const program = relay.open(address, port)
  assert.equal(await program.over, 'reset')
})
