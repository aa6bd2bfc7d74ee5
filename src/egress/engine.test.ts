import assert from 'node:assert/strict'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { egressBench, questionFor, type EgressBench } from '../../test/support/egress.ts'
import { eventually } from '../../test/support/eventually.ts'
import type { Program } from '../../test/support/fake-relay.ts'
import type { ToRelay } from '../protocol/egress-link.ts'
import { clientHello } from '../../test/support/client-hello.ts'

/** A server of loopback, and how many have connected to it. */
async function serverOf(t: TestContext, onSocket: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  let connections = 0
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, connections: () => connections }
}

const echo = (socket: Socket): void => void socket.pipe(socket)

async function said(program: Program): Promise<string> {
  return Buffer.concat((await program.stream.toArray()) as Buffer[]).toString()
}

/** Whether what the program says goes out from then on. */
const letsGo = (line: ToRelay): boolean => 'pass' in line || ('connect' in line && !line.connect.look)

const kinds = ({ facts }: EgressBench): string[] => facts.map(({ fact }) => fact)

test('a program that connects to the address of an allowed name talks to its server', async (t) => {
  const { port } = await serverOf(t, echo)
  const bench = await egressBench(t, { names: { 'db.example': ['127.0.0.1'] } })
  const address = await bench.addressOf('db.example')
  bench.engine.onConnect({ pid: 41, program: 'psql', address: `${address}:${port}` })
  const program = bench.relay.open(address, port)
  program.stream.end('select 1')
  assert.equal(await said(program), 'select 1')
  assert.equal(await program.over, 'end')
  const close = await eventually(() => bench.facts.find((fact) => fact.fact === 'egress-close'))
  const about = { flow: 1, process: { pid: 41, program: 'psql' }, name: 'db.example', port, rule: 'db.example' }
  assert.deepEqual(bench.facts[0], { fact: 'egress-open', ...about, addresses: ['127.0.0.1'] })
  const { ms, ...rest } = close
  assert.ok(ms >= 0)
  assert.deepEqual(rest, { fact: 'egress-close', ...about, address: '127.0.0.1', sent: 8, received: 8, reason: 'end' })
})

test('the record is there before the connection is asked for', async (t) => {
  const { port, connections } = await serverOf(t, echo)
  const bench = await egressBench(t, {
    names: { 'db.example': ['127.0.0.1'] },
    record: (fact) => {
      if (fact.fact === 'egress-open') throw new Error('no space is left')
    },
  })
  const program = bench.relay.open(await bench.addressOf('db.example'), port)
  assert.equal(await program.over, 'reset')
  assert.equal(connections(), 0)
  assert.equal(bench.failures.length, 1)
  assert.ok(!bench.relay.heard.some((line) => 'connect' in line))
})

test('a server that speaks first is heard, though nothing was sent yet', async (t) => {
  const { port } = await serverOf(t, (socket) => void socket.end('220 ready\r\n'))
  const bench = await egressBench(t, { names: { 'mail.example': ['127.0.0.1'] } })
  const program = bench.relay.open(await bench.addressOf('mail.example'), port)
  program.stream.end('EHLO\r\n')
  assert.equal(await said(program), '220 ready\r\n')
})

test('what is connected to without a name or a rule is refused, and nobody is connected to', async (t) => {
  const { port, connections } = await serverOf(t, echo)
  const bench = await egressBench(t, { names: { 'db.example': ['127.0.0.1'] } })
  const cases: [string, string][] = [
    ['198.18.200.7', 'network.unknown-address'],
    ['fd67:6c6f:7665::99', 'network.unknown-address'],
    ['127.0.0.1', 'network.default-deny'],
    ['::1', 'network.default-deny'],
    ['::ffff:127.0.0.1', 'network.default-deny'],
  ]
  for (const [address] of cases) assert.equal(await bench.relay.open(address, port).over, 'reset')
  assert.deepEqual(
    bench.facts.map((fact) => [fact.fact, 'rule' in fact ? fact.rule : '']),
    cases.map(([, rule]) => ['egress-refuse', rule]),
  )
  assert.equal(connections(), 0)
})

test('an address rule opens that address and port, and nothing is looked at', async (t) => {
  const { port } = await serverOf(t, echo)
  const bench = await egressBench(t, { addresses: [`127.0.0.1:${port}`] })
  const program = bench.relay.open('127.0.0.1', port)
  program.stream.end('GET / HTTP/1.1\r\n\r\n')
  assert.equal(await said(program), 'GET / HTTP/1.1\r\n\r\n')
  assert.equal(await bench.relay.open('127.0.0.1', port === 1 ? 2 : port - 1).over, 'reset')
})

test('of the addresses of a name only those that it may have are connected to', async (t) => {
  const { port, connections } = await serverOf(t, echo)
  const mayConnect = (address: string): string | undefined =>
    address === '127.0.0.1' ? undefined : `${address} is private`
  const names = { 'mixed.example': ['169.254.169.254', '127.0.0.1', '10.0.0.1'], 'inner.example': ['10.0.0.1'] }
  const bench = await egressBench(t, { names, mayConnect })
  const mixed = bench.relay.open(await bench.addressOf('mixed.example'), port)
  mixed.stream.end('x')
  assert.equal(await said(mixed), 'x')
  const inner = bench.relay.open(await bench.addressOf('inner.example'), port)
  assert.equal(await inner.over, 'reset')
  assert.deepEqual(
    bench.relay.heard.flatMap((line) => ('connect' in line ? line.connect.addresses : [])),
    ['127.0.0.1'],
  )
  assert.equal(connections(), 1)
  const refusal = bench.facts.find(({ fact }) => fact === 'egress-refuse')
  assert.ok(refusal?.fact === 'egress-refuse')
  assert.deepEqual([refusal.rule, refusal.reason], ['network.address', '10.0.0.1 is private'])
})

test('of a name with thousands of addresses some are tried, in a line that the relay can read', async (t) => {
  const { port } = await serverOf(t, echo)
  const many = Array.from({ length: 8000 }, (_, at) => `127.1.${at >> 8}.${at & 0xff}`)
  const bench = await egressBench(t, { names: { 'many.example': ['127.0.0.1', ...many] } })
  const program = bench.relay.open(await bench.addressOf('many.example'), port)
  program.stream.end('x')
  assert.equal(await said(program), 'x')
  const asked = bench.relay.heard.find((line) => 'connect' in line)
  assert.ok(asked !== undefined && JSON.stringify(asked).length < 4096)
  assert.ok(JSON.stringify(bench.facts[0]).length < 4096)
})

test('a server that is not there, and a name that is not found, are failures with their reason', async (t) => {
  const { port } = await serverOf(t, echo)
  const bench = await egressBench(t, { names: { 'db.example': ['127.0.0.1'], 'gone.example': [] } })
  const unused = port === 0xffff ? port - 1 : port + 1
  assert.equal(await bench.relay.open(await bench.addressOf('db.example'), unused).over, 'reset')
  assert.equal(await bench.relay.open(await bench.addressOf('gone.example'), port).over, 'reset')
  const reasons = bench.facts.flatMap((fact) => (fact.fact === 'egress-fail' ? [fact.reason] : []))
  assert.deepEqual(reasons, ['ECONNREFUSED', 'gone.example was not found: ENOTFOUND'])
})

test('TLS is passed on when it is for the name of the connection, and cut off when it is for another', async (t) => {
  const got: Buffer[] = []
  const { port } = await serverOf(t, (socket) => echo(socket.on('data', (bytes: Buffer) => got.push(bytes))))
  const bench = await egressBench(t, { names: { 'a.example': ['127.0.0.1'] } })
  const address = await bench.addressOf('a.example')
  const good = bench.relay.open(address, port)
  const hello = clientHello({ name: 'a.example' })
  good.stream.end(hello)
  assert.equal(Buffer.byteLength(await said(good), 'utf8') > 0, true)
  const refused = [
    ['network.sni', clientHello({ name: 'evil.example' })],
    ['network.sni', clientHello({})],
    ['network.ech', clientHello({ name: 'a.example', ech: true })],
    ['network.protocol', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ] as const
  for (const [rule, first] of refused) {
    const program = bench.relay.open(address, port)
    for (const half of [first.subarray(0, 7), first.subarray(7)]) program.stream.write(half)
    assert.equal(await program.over, 'reset')
    const fact = bench.facts.at(-1)
    assert.ok(fact?.fact === 'egress-refuse')
    assert.equal(fact.rule, rule)
  }
  assert.equal(bench.relay.heard.filter(letsGo).length, 1, 'nothing of the others was to go out')
  assert.deepEqual(Buffer.concat(got), hello, 'and nothing did')
})

test('a program that waits for the server to speak first is connected, and what it says then is looked at', async (t) => {
  const { port, connections } = await serverOf(t, (socket) => socket.write('220 hello\r\n'))
  const bench = await egressBench(t, { names: { 'a.example': ['127.0.0.1'] } })
  const program = bench.relay.open(await bench.addressOf('a.example'), port)
  await eventually(() => connections() === 1)
  program.stream.write(clientHello({ name: 'evil.example' }))
  assert.equal(await program.over, 'reset')
  assert.ok(!bench.relay.heard.some(letsGo))
})

test('whoever says at once what it may not is connected to nobody', async (t) => {
  const { port, connections } = await serverOf(t, echo)
  const asked = Promise.withResolvers<void>()
  const bench = await egressBench(t, { names: { 'a.example': ['127.0.0.1'] }, until: asked.promise })
  const program = bench.relay.open(await bench.addressOf('a.example'), port)
  program.stream.write(clientHello({ name: 'evil.example' }))
  // What the relay says of it is heard in the order in which it was said.
  await bench.relay.query(questionFor('a.example'))
  asked.resolve()
  assert.equal(await program.over, 'reset')
  assert.equal(connections(), 0)
  assert.ok(!bench.relay.heard.some((line) => 'connect' in line))
})

test('on port 443 nothing but TLS goes out', async (t) => {
  const bench = await egressBench(t, { names: { 'a.example': ['127.0.0.1'] } })
  // Whether somebody listens there or not: the first bytes are looked at, and nothing is passed.
  const program = bench.relay.open(await bench.addressOf('a.example'), 443)
  program.stream.write('SSH-2.0-x\r\n')
  assert.equal(await program.over, 'reset')
  assert.ok(!bench.relay.heard.some(letsGo))
})

test('a refused name is recorded once, with the program that asked', async (t) => {
  const bench = await egressBench(t, {})
  bench.engine.onConnect({ pid: 7, program: 'curl', address: '198.18.0.1:53' })
  for (let times = 0; times < 3; times++) {
    const reply = await bench.relay.query(questionFor('evil.example'))
    assert.equal(reply.readUInt16BE(2) & 0xf, 3)
  }
  const process = { pid: 7, program: 'curl' }
  const lookup = { fact: 'lookup', process, name: 'evil.example', type: 1, rule: 'network.default-deny', unrecorded: 0 }
  assert.deepEqual(bench.facts, [lookup])
})

test('a refused name that cannot be recorded ends the sandbox and is not answered', async (t) => {
  const bench = await egressBench(t, {
    record: () => {
      throw new Error('no space is left')
    },
  })
  assert.equal((await bench.relay.query(questionFor('evil.example'))).length, 0)
  assert.equal(bench.failures.length, 1)
})

test('names are asked for over a stream too', async (t) => {
  const bench = await egressBench(t, { names: { 'a.example': ['127.0.0.1'] } })
  const program = bench.relay.open('198.18.0.1', 53)
  const question = questionFor('a.example')
  program.stream.end(Buffer.concat([Buffer.of(0, question.length), question]))
  const reply = Buffer.concat((await program.stream.toArray()) as Buffer[])
  assert.deepEqual([...reply.subarray(-4)], [198, 18, 1, 0])
  assert.deepEqual(kinds(bench), [])
})
