import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer as createHttpServer, request } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { clientHello } from '../../../test/support/client-hello.ts'
import { egressBench, type BenchOptions, type EgressBench } from '../../../test/support/egress.ts'
import { eventually } from '../../../test/support/eventually.ts'
import type { Program } from '../../../test/support/fake-relay.ts'

async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

async function setUp(t: TestContext, options: BenchOptions = {}) {
  let connections = 0
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1
    socket.pipe(socket)
  })
  const port = await listen(t, server)
  const bench = await egressBench(t, { names: { 'a.example': ['127.0.0.1'] }, ...options })
  const open = (): Program => bench.relay.open('198.18.0.2', 3128)
  return { bench, port, open, connections: () => connections }
}

async function all({ stream }: Program): Promise<Buffer> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer)
  } catch (error) {
    assert.match(String(error), /Premature close/)
  }
  return Buffer.concat(chunks)
}

async function take({ stream }: Program, length: number): Promise<Buffer> {
  let held = Buffer.alloc(0)
  return new Promise((resolve) => {
    const onReadable = (): void => {
      held = Buffer.concat([held, (stream.read() as Buffer | null) ?? Buffer.alloc(0)])
      if (held.length < length) return
      stream.off('readable', onReadable)
      if (held.length > length) stream.unshift(held.subarray(length))
      resolve(held.subarray(0, length))
    }
    stream.on('readable', onReadable)
  })
}

const established = 'HTTP/1.1 200 Connection established\r\n\r\n'
const rules = ({ facts }: EgressBench): string[] => facts.map((fact) => `${fact.fact} ${fact.rule}`)

test('a tunnel that CONNECT asks for carries bytes both ways, each with its own end', async (t) => {
  const { open, port, bench } = await setUp(t)
  const program = open()
  program.stream.write(`CONNECT A.example:${port} HTTP/1.1\r\nHost: a.example\r\n\r\nearly `)
  assert.equal((await take(program, established.length)).toString(), established)
  program.stream.end('and late')
  assert.equal((await all(program)).toString(), 'early and late')
  const close = await eventually(() => bench.facts.find(({ fact }) => fact === 'egress-close'))
  assert.ok(close.fact === 'egress-close')
  assert.deepEqual([close.name, close.address, close.sent, close.received], ['a.example', '127.0.0.1', 14, 14])
})

test('in a tunnel TLS is for the name that was asked for, or is cut off', async (t) => {
  const { open, port, bench } = await setUp(t)
  const hello = clientHello({ name: 'a.example' })
  const good = open()
  good.stream.write(`CONNECT a.example:${port} HTTP/1.1\r\n\r\n`)
  await take(good, established.length)
  good.stream.end(hello)
  assert.deepEqual(await all(good), hello)
  const bad = open()
  bad.stream.write(`CONNECT a.example:${port} HTTP/1.1\r\n\r\n`)
  await take(bad, established.length)
  bad.stream.write(clientHello({ name: 'evil.example' }))
  assert.equal((await all(bad)).length, 0)
  assert.equal(await bad.over, 'reset')
  assert.equal(rules(bench).at(-1), 'egress-refuse network.sni')
})

test('what may not be connected to is refused with its reason, and nobody is connected to', async (t) => {
  const { open, port, connections } = await setUp(t, { mayConnect: (address) => `${address} is loopback` })
  const cases: Record<string, RegExp> = {
    [`evil.example:${port}`]: /^HTTP\/1.1 403 [^]*no rule allows it \(network\.default-deny\)/,
    [`a.example:${port}`]: /^HTTP\/1.1 403 [^]*127\.0\.0\.1 is loopback \(network\.address\)/,
    [`127.0.0.1:${port}`]: /^HTTP\/1.1 403 /,
    [`[::1]:${port}`]: /^HTTP\/1.1 403 /,
    [`[::ffff:127.0.0.1]:${port}`]: /^HTTP\/1.1 403 /,
    [`169.254.169.254:80`]: /^HTTP\/1.1 403 /,
    [`198.18.77.7:${port}`]: /^HTTP\/1.1 403 [^]*network\.unknown-address/,
    [`2130706433:${port}`]: /^HTTP\/1.1 400 /,
    [`0x7f.1:${port}`]: /^HTTP\/1.1 400 /,
    [`017700000001:${port}`]: /^HTTP\/1.1 400 /,
    [`127.1:${port}`]: /^HTTP\/1.1 400 /,
    'a.example': /^HTTP\/1.1 400 /,
    'a.example:0': /^HTTP\/1.1 400 /,
    'a.example:65536': /^HTTP\/1.1 400 /,
    [`x@a.example:${port}`]: /^HTTP\/1.1 400 /,
  }
  for (const [authority, answer] of Object.entries(cases)) {
    const program = open()
    program.stream.write(`CONNECT ${authority} HTTP/1.1\r\nHost: a.example\r\n\r\n`)
    assert.match((await all(program)).toString(), answer, authority)
  }
  assert.equal(connections(), 0)
})

test('a request in the clear for the port of TLS is refused, by name and by the address that stands for it', async (t) => {
  const asked: string[] = []
  const { open, bench } = await setUp(t, {
    onRequest: async (head) => {
      asked.push(head.path)
      return { head }
    },
  })
  const synthetic = await bench.addressOf('a.example')
  for (const host of ['a.example:443', `${synthetic}:443`]) {
    const program = open()
    program.stream.write(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    assert.match((await all(program)).toString(), /^HTTP\/1.1 403 [^]*which is for TLS \(network\.protocol\)/)
  }
  assert.deepEqual(rules(bench), ['egress-refuse network.protocol', 'egress-refuse network.protocol'])
  assert.deepEqual(asked, [], 'no secret is put into it')
})

test('a synthetic address is its name, also to the proxy', async (t) => {
  const { open, port, bench } = await setUp(t)
  const address = await bench.addressOf('a.example')
  const program = open()
  program.stream.end(`CONNECT ${address}:${port} HTTP/1.1\r\n\r\nx`)
  assert.equal((await all(program)).toString(), `${established}x`)
  assert.equal(bench.facts[0]?.name, 'a.example')
})

test('a server that is not there is a bad gateway', async (t) => {
  const { open, port } = await setUp(t)
  const program = open()
  program.stream.write(`CONNECT a.example:${port === 65535 ? 65534 : port + 1} HTTP/1.1\r\n\r\n`)
  assert.match((await all(program)).toString(), /^HTTP\/1.1 502 [^]*ECONNREFUSED/)
})

test('requests for whole addresses go to the server that each is for', async (t) => {
  const seen: string[] = []
  const server = createHttpServer((incoming, response) => {
    seen.push(`${incoming.url} ${incoming.rawHeaders.join('|')}`)
    response.end('hello')
  })
  const port = await listen(t, server)
  const { open } = await setUp(t)
  const program = open()
  const host = `a.example:${port}`
  program.stream.write(`GET http://${host}/x?y HTTP/1.1\r\nHost: ${host}\r\nProxy-Connection: keep-alive\r\n\r\n`)
  program.stream.write(`GET http://a.example:${port} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  assert.equal((await all(program)).toString().match(/hello/g)?.length, 2)
  assert.deepEqual(seen, [`/x?y Host|${host}|Connection|keep-alive`, `/ Host|${host}|Connection|keep-alive`])
  const refused: Record<string, RegExp> = {
    [`GET http://evil.example:${port}/ HTTP/1.1\r\nHost: evil.example:${port}\r\n\r\n`]: /^HTTP\/1.1 403 /,
    [`GET http://evil.example:${port}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`]: /^HTTP\/1.1 400 /,
    [`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`]: /^HTTP\/1.1 400 [^]*whole address/,
    [`GET https://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`]: /^HTTP\/1.1 400 /,
    [`GET http://x:y@${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`]: /^HTTP\/1.1 400 /,
    [`GET http://169.254.169.254/latest/meta-data/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n`]: /^HTTP\/1.1 403 /,
  }
  for (const [text, answer] of Object.entries(refused)) {
    const other = open()
    other.stream.write(text)
    assert.match((await all(other)).toString(), answer, text)
  }
  assert.equal(seen.length, 2)
})

test('SOCKS5 carries tunnels to names and to addresses', async (t) => {
  const { open, port, bench } = await setUp(t, {})
  const address = await bench.addressOf('a.example')
  const v4 = Buffer.from([5, 1, 0, 1, ...address.split('.').map(Number), port >> 8, port & 0xff])
  const name = Buffer.concat([
    Buffer.from([5, 1, 0, 3, 9]),
    Buffer.from('a.example'),
    Buffer.of(port >> 8, port & 0xff),
  ])
  const v6 = Buffer.concat([
    Buffer.from([5, 1, 0, 4]),
    Buffer.from('fd676c6f766500000000000000000100', 'hex'),
    Buffer.of(port >> 8, port & 0xff),
  ])
  for (const request of [v4, name, v6]) {
    const program = open()
    for (const byte of Buffer.concat([Buffer.from([5, 2, 2, 0]), request])) program.stream.write(Buffer.of(byte))
    assert.deepEqual([...(await take(program, 12))], [5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    program.stream.end('hello')
    assert.equal((await all(program)).toString(), 'hello')
  }
  assert.ok(bench.facts.filter(({ fact }) => fact === 'egress-open').every((fact) => fact.name === 'a.example'))
})

test('SOCKS5 for what is refused, unknown or not spoken says so and ends', async (t) => {
  const { open, port, connections } = await setUp(t)
  const p = [port >> 8, port & 0xff]
  const greeting = [5, 1, 0]
  const cases: [string, number[], number[]][] = [
    ['a name that is not allowed', [...greeting, 5, 1, 0, 3, 1, 0x78, ...p], [5, 0, 5, 2]],
    ['an address that is not allowed', [...greeting, 5, 1, 0, 1, 127, 0, 0, 1, ...p], [5, 0, 5, 2]],
    ['a name that is an address', [...greeting, 5, 1, 0, 3, 5, ...Buffer.from('127.1'), ...p], [5, 0, 5, 1]],
    ['datagrams', [...greeting, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0], [5, 0, 5, 7]],
    ['listening', [...greeting, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0], [5, 0, 5, 7]],
    ['an unknown address', [...greeting, 5, 1, 0, 9, 1, 1], [5, 0, 5, 8]],
    ['a password', [5, 1, 2], [5, 0xff]],
    ['SOCKS4', [4, 1, ...p, 127, 0, 0, 1, 0], [0, 91]],
    ['SOCKS4a', [4, 1, ...p, 0, 0, 0, 1, 0, ...Buffer.from('a.example'), 0], [0, 91]],
  ]
  for (const [what, bytes, answer] of cases) {
    const program = open()
    program.stream.write(Buffer.from(bytes))
    assert.deepEqual([...(await all(program))].slice(0, answer.length), answer, what)
  }
  assert.equal(connections(), 0)
})

test('what is no proxy’s language ends the connection', async (t) => {
  const { open } = await setUp(t)
  for (const bytes of [
    Buffer.from([0x16, 3, 1, 0, 1, 1]),
    Buffer.from('\0\0\0\0'),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  ]) {
    const program = open()
    program.stream.write(bytes)
    assert.doesNotMatch((await all(program)).toString(), /200/)
  }
})

test('a proxy of the host’s is asked for the name, with its password, and nothing is looked up', async (t) => {
  const asked: string[] = []
  const { port: inner } = await setUp(t)
  const upstream = createHttpServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url} ${incoming.headers['proxy-authorization']}`)
    response.end('from the proxy')
  })
  upstream.on('connect', (incoming, socket: Socket, head: Buffer) => {
    asked.push(`${incoming.method} ${incoming.url} ${incoming.headers['proxy-authorization']}`)
    if (incoming.url?.startsWith('no.')) return void socket.end('HTTP/1.1 407 No\r\n\r\n')
    socket.write('HTTP/1.1 200 OK\r\n\r\nbanner ')
    socket.write(head)
    return void socket.pipe(socket)
  })
  const proxyPort = await listen(t, upstream)
  const env = {
    HTTPS_PROXY: `http://me:pass%21%@127.0.0.1:${proxyPort}`,
    http_proxy: `127.0.0.1:${proxyPort}`,
    NO_PROXY: 'direct.example',
  }
  const names = { 'a.example': [], 'no.example': [], 'direct.example': ['127.0.0.1'] }
  const { bench, open } = await setUp(t, { env, names })
  const basic = `Basic ${Buffer.from('me:pass!%').toString('base64')}`

  const plain = bench.relay.open(await bench.addressOf('a.example'), inner)
  plain.stream.end('hello')
  assert.equal((await all(plain)).toString(), 'banner hello')
  const tunnel = open()
  tunnel.stream.end(`CONNECT a.example:${inner} HTTP/1.1\r\n\r\nx`)
  assert.equal((await all(tunnel)).toString(), `${established}banner x`)
  const refused = open()
  refused.stream.end(`CONNECT no.example:${inner} HTTP/1.1\r\n\r\n`)
  assert.match((await all(refused)).toString(), /^HTTP\/1.1 502 /)
  const clear = open()
  clear.stream.end('GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n')
  assert.match((await all(clear)).toString(), /from the proxy/)
  const direct = bench.relay.open(await bench.addressOf('direct.example'), inner)
  direct.stream.end('hello')
  assert.equal((await all(direct)).toString(), 'hello')

  assert.deepEqual(asked, [
    `CONNECT a.example:${inner} ${basic}`,
    `CONNECT a.example:${inner} ${basic}`,
    `CONNECT no.example:${inner} ${basic}`,
    'GET http://a.example/x undefined',
  ])
  assert.doesNotMatch(JSON.stringify(bench.facts), /pass/)
  const opened = bench.facts
    .filter(({ fact }) => fact === 'egress-open')
    .map((fact) => ('addresses' in fact ? fact.addresses : []))
  assert.deepEqual(opened, [[], [], [], [], ['127.0.0.1']])
})

test('a Node program that knows a proxy gets its page through it', async (t) => {
  const server = createHttpServer((_request, response) => response.end('hello'))
  const port = await listen(t, server)
  const { open } = await setUp(t)
  const program = open()
  const text = await new Promise<string>((resolve, reject) => {
    request(
      {
        createConnection: () => program.stream,
        path: `http://a.example:${port}/`,
        headers: { host: `a.example:${port}` },
      },
      (response) => {
        void response.toArray().then((chunks) => resolve(Buffer.concat(chunks as Buffer[]).toString()))
      },
    )
      .on('error', reject)
      .end()
  })
  assert.equal(text, 'hello')
})

/** SOCKS5 without a password, and what it asks for, in one piece. */
function socksFor(host: string, port: number): Buffer {
  const name = Buffer.from(host)
  return Buffer.concat([Buffer.from([5, 1, 0, 5, 1, 0, 3, name.length]), name, Buffer.from([port >> 8, port & 255])])
}

test('what a program has said, and that it has ended, gets to the server also when both came before the connection', async (t) => {
  const server = createHttpServer((_, response) => void response.end('hello'))
  const port = await listen(t, server)
  const bench = await egressBench(t, { names: { 'a.example': ['127.0.0.1'] } })
  const program = bench.relay.open('198.18.0.2', 3128)
  const request = `GET / HTTP/1.1\r\nHost: a.example:${port}\r\n\r\n`
  program.stream.end(Buffer.concat([socksFor('a.example', port), Buffer.from(request)]))
  assert.match((await all(program)).toString('latin1'), /HTTP\/1\.1 200 OK[^]*hello$/)

  const tunnels = await setUp(t)
  const silent = tunnels.open()
  silent.stream.end(socksFor('a.example', tunnels.port))
  assert.equal((await all(silent)).length, 12, 'granted, and ended by a server that was told of the end')
})

test('a program that goes while its tunnel is connected leaves no connection behind', async (t) => {
  const until = Promise.withResolvers<void>()
  let open = 0
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open += 1
    socket
      .on('error', () => socket.destroy())
      .on('close', () => (open -= 1))
      .resume()
  })
  const port = await listen(t, server)
  const bench = await egressBench(t, { names: { 'a.example': ['127.0.0.1'] }, until: until.promise })
  bench.relay.say(JSON.stringify({ id: 1000, opened: { address: '198.18.0.2', port: 3128 } }))
  await eventually(() => bench.relay.heard.find((line) => 'hand' in line))
  const program = connect({ path: bench.socket, allowHalfOpen: true })
  program.write('{"carry":1000}\n')
  program.write(socksFor('a.example', port))
  assert.deepEqual((await once(program, 'data'))[0], Buffer.from([5, 0]))
  program.destroy()
  bench.relay.say(JSON.stringify({ id: 1000, closed: { sent: 0, received: 0, reason: 'reset' } }))
  await once(program, 'close')
  until.resolve()
  await eventually(() => bench.facts.find(({ fact }) => fact === 'egress-close'))
  await eventually(() => open === 0 || undefined)
})

test('what is refused is closed, though more came behind it', async (t) => {
  const { open } = await setUp(t)
  const descriptors = (): number => readdirSync('/proc/self/fd').length
  const before = descriptors()
  for (const text of [
    'CONNECT no.example:443 HTTP/1.1\r\nHost: no.example:443\r\n\r\nmore',
    'CONNECT nothing HTTP/1.1\r\nHost: nothing\r\n\r\nmore',
    '\x04\x01\x00\x50\x00\x00\x00\x01\x00more',
    `${socksFor('no.example', 443).toString('latin1')}more`,
  ]) {
    for (let times = 0; times < 5; times++) {
      const program = open()
      program.stream.end(Buffer.from(text, 'latin1'))
      await all(program)
      await program.over
    }
  }
  await eventually(() => descriptors() <= before + 1 || undefined)
})
