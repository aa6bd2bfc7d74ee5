import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHash, randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { egressBench, type BenchOptions, type EgressBench } from '../../../test/support/egress.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { toSecret } from '../../policy/secret-words.ts'
import type { Secret } from '../../policy/secrets.ts'
import type { OnRequest } from './forward.ts'
import { onRequestFor } from '../secrets/on-request.ts'
import { Secrets } from '../secrets/secrets.ts'
import type { Program } from '../../../test/support/fake-relay.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

interface Setting {
  readonly bench: EgressBench
  readonly server: Server
  readonly port: number
  /** Requests that reached the server: method, target, headers. */
  readonly seen: string[]
  /** A connection of a program's to the server's name. */
  readonly open: () => Promise<Program>
}

async function setUp(t: TestContext, handler: Handler, options: BenchOptions = {}): Promise<Setting> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.rawHeaders.join('|')}`)
    void handler(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const bench = await egressBench(t, { names: { 'a.example': ['127.0.0.1'], 'b.example': ['127.0.0.1'] }, ...options })
  const open = async (): Promise<Program> => bench.relay.open(await bench.addressOf('a.example'), port)
  return { bench, server, port, seen, open }
}

const hello: Handler = (_request, response) => void response.end('hello')

async function exchange({ stream }: Program, bytes: string): Promise<string> {
  stream.write(bytes, 'latin1')
  return all(stream)
}

async function all(stream: Program['stream']): Promise<string> {
  let got = ''
  try {
    for await (const chunk of stream) got += (chunk as Buffer).toString('latin1')
  } catch (error) {
    assert.match(String(error), /Premature close|ECONNRESET|aborted/)
  }
  return got
}

/** Reads until what was read says that it is enough. */
async function readUntil({ stream }: Program, isEnough: (text: string) => boolean): Promise<string> {
  let got = ''
  return new Promise((resolve) => {
    const take = (chunk: Buffer): void => {
      got += chunk.toString('latin1')
      if (!isEnough(got)) return
      stream.off('data', take).pause()
      resolve(got)
    }
    stream.on('data', take).resume()
  })
}

test('a request goes out with the name of its connection, and without what is for one hop', async (t) => {
  const { open, port, seen, bench } = await setUp(t, hello)
  const host = `A.Example.:${port}`
  const got = await exchange(
    await open(),
    `GET /x?y HTTP/1.1\r\nHost: ${host}\r\nX-One: 1\r\nX-Hop: 2\r\nConnection: close, x-hop\r\nTE: trailers\r\nProxy-Authorization: Basic eA==\r\nx-one: 3\r\n\r\n`,
  )
  assert.match(got, /^HTTP\/1.1 200 OK\r\n/)
  assert.match(got, /\r\n\r\nhello$/)
  assert.deepEqual(seen, [`GET /x?y Host|a.example:${port}|X-One|1|x-one|3|Connection|keep-alive`])
  const opened = bench.facts.findLast(({ fact }) => fact === 'egress-open')
  assert.ok(opened?.fact === 'egress-open')
  assert.deepEqual([opened.name, opened.addresses], ['a.example', ['127.0.0.1']])
})

test('each request of a connection is checked, and the first that is for another host is told so', async (t) => {
  const { open, port, seen, bench } = await setUp(t, hello)
  const request = (host: string): string => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const program = await open()
  program.stream.write(request(`a.example:${port}`))
  await readUntil(program, (text) => text.endsWith('hello') || text.includes('hello\r\n0'))
  const got = await exchange(program, request(`b.example:${port}`))
  assert.match(got, /^HTTP\/1.1 403 Forbidden\r\n/)
  assert.match(
    got,
    /glovebox refused this: a request for b\.example:\d+ on a connection to another host \(network\.host\)\n$/,
  )
  assert.equal(seen.length, 1)
  const refusal = bench.facts.findLast(({ fact }) => fact === 'egress-refuse')
  assert.ok(refusal?.fact === 'egress-refuse' && refusal.rule === 'network.host')
})

test('a refused Host is told as it was understood, not as it was written', async (t) => {
  const { open, port } = await setUp(t, hello)
  // A soft hyphen, which names do not have (UTS 46).
  const got = await exchange(await open(), `GET / HTTP/1.1\r\nHost: B.ex\xadample:${port}\r\n\r\n`)
  assert.ok(got.includes(`a request for b.example:${port} on a connection to another host`), got)
})

test('what can be read in more than one way is refused, and nothing of it goes out', async (t) => {
  const { open, port, seen } = await setUp(t, hello)
  const host = `Host: a.example:${port}\r\n`
  const post = `POST / HTTP/1.1\r\n${host}`
  const get = `GET / HTTP/1.1\r\n${host}`
  const cases: Record<string, string> = {
    'two lengths': `${post}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`,
    'a list of lengths': `${post}Content-Length: 1, 1\r\n\r\na`,
    'a length and chunks': `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'chunks and a length': `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    'another coding': `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    'an unknown coding': `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    'two codings': `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'chunks under HTTP/1.0': `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'a folded line': `${get}X: a\r\n b\r\n\r\n`,
    'bare line ends': `GET / HTTP/1.1\nHost: a.example:${port}\n\n`,
    'a bare line end in a header': `GET / HTTP/1.1\r\nHost: a.example:${port}\nX: y\r\n\r\n`,
    'a bare carriage return': `GET / HTTP/1.1\r\nHost: a.example:${port}\rX: y\r\n\r\n`,
    'a space before a colon': `GET / HTTP/1.1\r\nHost : a.example:${port}\r\n\r\n`,
    'a zero': `${get}X: a\0b\r\n\r\n`,
    'two hosts': `${get}${host}\r\n`,
    'two hosts that differ': `${get}Host: b.example:${port}\r\n\r\n`,
    'no host': 'GET / HTTP/1.1\r\n\r\n',
    'no host under HTTP/1.0': 'GET / HTTP/1.0\r\n\r\n',
    'a host with a user': `GET / HTTP/1.1\r\nHost: x@a.example:${port}\r\n\r\n`,
    'a host with a path': `GET / HTTP/1.1\r\nHost: a.example:${port}/x\r\n\r\n`,
    'two hosts in one': `GET / HTTP/1.1\r\nHost: a.example:${port}, b.example\r\n\r\n`,
    'a target of another host': `GET http://b.example:${port}/ HTTP/1.1\r\n${host}\r\n`,
    'a target with a user': `GET http://a.example:${port}@b.example/ HTTP/1.1\r\n${host}\r\n`,
    'a target with a fragment': `GET /#x HTTP/1.1\r\n${host}\r\n`,
    'a target that is not plain': `GET /\xe9 HTTP/1.1\r\n${host}\r\n`,
    'a star': `GET * HTTP/1.1\r\n${host}\r\n`,
    CONNECT: `CONNECT b.example:443 HTTP/1.1\r\n${host}\r\n`,
    'a tab for a space': `GET\t/ HTTP/1.1\r\n${host}\r\n`,
    'a version that is none': `GET / HTTP/1.2\r\n${host}\r\n`,
    'HTTP/2 in the clear, by an upgrade': `${get}Upgrade: h2c\r\nConnection: upgrade, http2-settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
  }
  for (const [what, text] of Object.entries(cases)) {
    const got = await exchange(await open(), `${text}GET /smuggled HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
    if (what.startsWith('HTTP/2')) {
      // Not refused: the request is one as any other, and the upgrade does not go out.
      assert.match(got, /^HTTP\/1.1 200 /)
      assert.ok(!seen.some((request) => /h2c|http2-settings/i.test(request)), seen.join('\n'))
      seen.length = 0
      continue
    }
    assert.match(got, /^HTTP\/1\.1 (?:400|403|405) /, what)
    assert.equal(got.match(/HTTP\/1\.1 /g)?.length, 1, `${what}: nothing after it is answered`)
    assert.deepEqual(seen, [], what)
  }
})

test('a body with a bad chunk breaks off, and what follows it is never a request', async (t) => {
  const { open, port, seen } = await setUp(t, (request, response) => {
    request.on('error', () => response.destroy()).resume()
  })
  const head = `POST / HTTP/1.1\r\nHost: a.example:${port}\r\nTransfer-Encoding: chunked\r\n\r\n`
  for (const chunks of [
    '0x1\r\na\r\n0\r\n\r\n',
    '1\na\n0\n\n',
    '-1\r\n',
    '1\r\nab\r\n0\r\n\r\n',
    'ffffffffffffffffff\r\n',
  ])
    await exchange(await open(), `${head}${chunks}GET /smuggled HTTP/1.1\r\nHost: a.example:${port}\r\n\r\n`)
  assert.ok(
    seen.every((request) => request.startsWith('POST / ')),
    seen.join('\n'),
  )
})

test('bodies of any size come through whole both ways, with their trailers', async (t) => {
  const body = randomBytes(3 * 2 ** 20)
  const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
  const { open, port } = await setUp(t, async (request, response) => {
    const got = Buffer.concat((await request.toArray()) as Buffer[])
    response.writeHead(200, { trailer: 'x-sum' })
    response.write(got)
    response.addTrailers({ 'x-sum': `${sum(got)} ${request.trailers['x-client'] ?? ''}` })
    response.end()
  })
  const program = await open()
  const reading = all(program.stream)
  const head = `POST / HTTP/1.1\r\nHost: a.example:${port}\r\nTransfer-Encoding: chunked\r\nTrailer: x-client\r\nConnection: close\r\n\r\n`
  program.stream.write(head)
  program.stream.write(`${body.length.toString(16)}\r\n`)
  program.stream.write(body)
  program.stream.write('\r\n0\r\nx-client: here\r\nHost: evil.example\r\n\r\n')
  const got = await reading
  assert.match(got, new RegExp(`x-sum: ${sum(body)} here\r\n\r\n$`))
})

test('a server is read no faster than the program reads', async (t) => {
  let written = 0
  const { open, port } = await setUp(t, (_request, response) => {
    const chunk = Buffer.alloc(64 * 1024)
    const more = (): void => {
      while (written < 200 * 2 ** 20) {
        written += chunk.length
        if (!response.write(chunk)) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  })
  const program = await open()
  program.stream.write(`GET / HTTP/1.1\r\nHost: a.example:${port}\r\n\r\n`)
  await readUntil(program, (text) => text.length > 0)
  // Nothing is read any more: what the server can write is what buffers on the way hold.
  let before = -1
  await eventually(() => {
    const settled = before === written ? true : undefined
    before = written
    return settled
  })
  assert.ok(written < 64 * 2 ** 20, `${written} bytes on the way`)
  program.stream.destroy()
})

test('a server is asked before a body is sent that it may not want', async (t) => {
  const { open, port, server } = await setUp(t, hello)
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/no') return void response.writeHead(413, { connection: 'close' }).end()
    response.writeContinue()
    request.pipe(response)
    return undefined
  })
  const head = (path: string): string =>
    `PUT ${path} HTTP/1.1\r\nHost: a.example:${port}\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`
  const program = await open()
  program.stream.write(head('/yes'))
  await readUntil(program, (text) => text.endsWith('\r\n\r\n') && text.startsWith('HTTP/1.1 100'))
  assert.match(await exchange(program, 'body'), /^HTTP\/1.1 200 OK\r\n[^]*body/)
  const refused = await open()
  refused.stream.write(head('/no'))
  assert.match(await readUntil(refused, (text) => text.includes('\r\n\r\n')), /^HTTP\/1.1 413 /)
})

test('a WebSocket is a connection of its own once the server agrees', async (t) => {
  const { open, port, server } = await setUp(t, hello)
  server.on('upgrade', (request: IncomingMessage, socket) => {
    if (request.url === '/no') return void socket.end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${request.headers['sec-websocket-key']}\r\n\r\nfirst`,
    )
    socket.pipe(socket)
    return undefined
  })
  const head = (path: string, host: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n\r\n`
  const program = await open()
  program.stream.write(`${head('/', `a.example:${port}`)}early`)
  const got = await readUntil(program, (text) => text.endsWith('firstearly'))
  assert.match(got, /^HTTP\/1.1 101 Switching Protocols\r\n[^]*sec-websocket-accept: abc\r\n/i)
  program.stream.end('last')
  assert.equal(await all(program.stream), 'last')
  assert.match(await exchange(await open(), head('/no', `a.example:${port}`)), /^HTTP\/1.1 426 [^]*no$/)
  assert.match(await exchange(await open(), head('/', `b.example:${port}`)), /^HTTP\/1.1 403 /)
})

test('a server that breaks off in the middle of its answer is seen to', async (t) => {
  const { open, port } = await setUp(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('half')
    setImmediate(() => response.destroy())
  })
  const program = await open()
  const got = await exchange(program, `GET / HTTP/1.1\r\nHost: a.example:${port}\r\n\r\n`)
  assert.match(got, /content-length: 100\r\n[^]*half$/i)
  assert.equal(await program.over, 'reset')
})

test('a connection that the server has closed meanwhile is made anew for the next request', async (t) => {
  const { open, port, seen, bench } = await setUp(t, ({ socket }, response) => {
    response.end('hello', () => socket.end())
  })
  const request = `GET / HTTP/1.1\r\nHost: a.example:${port}\r\n\r\n`
  const program = await open()
  for (let times = 1; times <= 3; times++) {
    program.stream.write(request)
    const got = await readUntil(program, (text) => text.includes('hello'))
    assert.match(got, /^HTTP\/1.1 200 /)
    assert.equal(seen.length, times)
  }
  await eventually(() => (bench.facts.filter(({ fact }) => fact === 'egress-close').length >= 3 ? true : undefined))
})

test('a hook sees each request as it would go out, may change it, and may refuse it', async (t) => {
  const { open, port, seen, bench } = await setUp(t, hello, {
    onRequest: async (head) => {
      if (head.path === '/no')
        return { kind: 'refused', rule: 'secrets.TOKEN', reason: 'a placeholder for another host' }
      return { head: { ...head, headers: [...head.headers, ['Authorization', 'Bearer x']] } }
    },
  })
  const request = (path: string): string =>
    `GET ${path} HTTP/1.1\r\nHost: a.example:${port}\r\nConnection: close\r\n\r\n`
  assert.match(await exchange(await open(), request('/')), /200 OK/)
  assert.deepEqual(seen, [`GET / Host|a.example:${port}|Authorization|Bearer x|Connection|keep-alive`])
  assert.match(
    await exchange(await open(), request('/no')),
    /403 Forbidden[^]*a placeholder for another host \(secrets\.TOKEN\)/,
  )
  assert.equal(seen.length, 1)
  assert.ok(bench.facts.some((fact) => fact.fact === 'egress-refuse' && fact.rule === 'secrets.TOKEN'))
})

test('a placeholder behind a body ends the request before the host has its end, unless it is for that host', async (t) => {
  const whole: (string | undefined)[] = []
  const hook: { act?: OnRequest } = {}
  const { open, port, bench } = await setUp(
    t,
    async (request, response) => {
      await request.toArray().catch(() => undefined)
      if (request.complete) whole.push(request.trailers['x-note'])
      response.end('hello')
    },
    { onRequest: async (head) => hook.act?.(head) ?? { head } },
  )
  const secretOf = (name: string, host: string): Secret =>
    toSecret(name, { from: `env:${name}`, hosts: [`${host}:${port}`] })
  const values = new Map(Object.entries({ OURS: 'v1', OTHERS: 'v2' }))
  const secrets = new Secrets([secretOf('OURS', 'a.example'), secretOf('OTHERS', 'b.example')], values)
  hook.act = onRequestFor(secrets)
  const { OURS = '', OTHERS = '' } = secrets.environment()
  const send = async (note: string): Promise<string> =>
    exchange(
      await open(),
      `POST / HTTP/1.1\r\nHost: a.example:${port}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\nx-note: ${note}\r\n\r\n`,
    )
  assert.match(await send('harmless'), /200 OK/)
  for (const hidden of [OTHERS, encodeURIComponent(`%${OTHERS}`), Buffer.from(OTHERS).toString('base64')]) {
    assert.match(await send(hidden), /403 Forbidden[^]*OTHERS/)
  }
  await eventually(() => bench.facts.filter((fact) => fact.fact === 'egress-refuse').length === 3 || undefined)
  assert.ok(bench.facts.every((fact) => fact.fact !== 'egress-refuse' || fact.rule === 'secrets.OTHERS'))
  assert.match(await send(OURS), /200 OK/)
  assert.deepEqual(whole, ['harmless', OURS])
})

test('whatever of a request is refused before it is looked at is in the record', async (t) => {
  const { open, port, seen, bench } = await setUp(t, hello)
  const host = `Host: a.example:${port}\r\n`
  const upgrade = `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc`
  const cases: [string, RegExp][] = [
    [`CONNECT a.example:${port} HTTP/1.1\r\n${host}\r\n`, /^HTTP\/1.1 405 /],
    [`GET / HTTP/1.1\r\n${host}Expect: a-miracle\r\n\r\n`, /^HTTP\/1.1 417 /],
    [upgrade, /^HTTP\/1.1 403 /],
  ]
  for (const [text, answer] of cases) {
    const before = bench.facts.filter(({ fact }) => fact === 'egress-refuse').length
    assert.match(await exchange(await open(), text), answer)
    assert.equal(bench.facts.filter(({ fact }) => fact === 'egress-refuse').length, before + 1, text)
  }
  assert.deepEqual(seen, [])
})

test('what a server says to an upgrade goes through the hook, its status line too', async (t) => {
  const { open, port, server } = await setUp(t, hello, {
    onRequest: async (head) => ({
      head,
      answer: {
        headers: (headers) => headers.map(([name, text]) => [name, text.replaceAll('value', '*****')]),
        body: () => new PassThrough(),
      },
    }),
  })
  server.on('upgrade', (request: IncomingMessage, socket) => {
    const how = request.url === '/no' ? '426 value\r\nContent-Length: 0' : '101 value\r\nUpgrade: websocket'
    socket.end(`HTTP/1.1 ${how}\r\nConnection: Upgrade\r\nX: value\r\n\r\n`)
  })
  for (const path of ['/no', '/yes']) {
    const head = `GET ${path} HTTP/1.1\r\nHost: a.example:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
    const got = await exchange(await open(), head)
    assert.match(got, /^HTTP\/1.1 \d+ \*{5}\r\n[^]*X: \*{5}\r\n/)
  }
})

test('an answer to an upgrade that the server breaks off does not look like a whole one', async (t) => {
  for (const hooked of [false, true]) {
    const answer = { headers: <T>(headers: T): T => headers, body: () => new PassThrough() }
    const { open, port, server } = await setUp(
      t,
      hello,
      hooked ? { onRequest: async (head) => ({ head, answer }) } : {},
    )
    server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 100\r\n\r\nhalf', () => socket.destroy())
    })
    const program = await open()
    const head = `GET / HTTP/1.1\r\nHost: a.example:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
    const got = await exchange(program, head)
    assert.doesNotMatch(got, /502/)
    assert.equal(await program.over, 'reset')
  }
})

test('one connection of a program’s does not get around the limit by asking for several', async (t) => {
  const waiting: ServerResponse[] = []
  const { port, bench } = await setUp(t, (_request, response) => void waiting.push(response), { connections: 1 })
  const program = bench.relay.open('198.18.0.2', 3128)
  const ask = (host: string): string => `GET http://${host}:${port}/ HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`
  program.stream.write(ask('a.example') + ask('b.example'))
  await eventually(() => bench.facts.find((fact) => 'rule' in fact && fact.rule === 'network.limits.connections'))
  const first = await eventually(() => waiting[0])
  assert.equal(bench.facts.filter(({ fact }) => fact === 'egress-open').length, 1)
  first.end('done')
  assert.match(await all(program.stream), /done[^]*403 [^]*\(network\.limits\.connections\)/)
  await eventually(() => bench.facts.find(({ fact }) => fact === 'egress-close'))
  bench.relay.open('198.18.0.2', 3128).stream.write(ask('b.example'))
  await eventually(() => waiting[1])
})

test('nothing is connected to for the requests that waited when a program was cut off', async (t) => {
  const waiting: ServerResponse[] = []
  const { open, port, bench } = await setUp(t, (_request, response) => void waiting.push(response))
  const request = `GET / HTTP/1.1\r\nHost: a.example:${port}\r\n\r\n`
  const isAsked = async (times: number): Promise<true> => eventually(() => waiting.length === times || undefined)
  const opened = (): number => bench.facts.filter(({ fact }) => fact === 'egress-open').length
  const program = await open()
  program.stream.write(request.repeat(8))
  await isAsked(8)
  const before = opened()
  program.stream.on('error', () => undefined)
  program.stream.write(request.repeat(100))
  assert.equal(await program.over, 'reset')
  await eventually(() => waiting.every(({ destroyed }) => destroyed) || undefined)
  const next = await open()
  next.stream.write(request)
  await isAsked(9)
  // Its own, as it was told, and as it was asked.
  assert.equal(opened() - before, before - 8 + 1)
})

test('a program that asks without waiting for answers is cut off', async (t) => {
  const { open, port, bench } = await setUp(t, () => undefined)
  const program = await open()
  program.stream.on('error', () => undefined)
  program.stream.write(`GET / HTTP/1.1\r\nHost: a.example:${port}\r\n\r\n`.repeat(1000))
  assert.equal(await program.over, 'reset')
  assert.ok(bench.facts.filter(({ fact }) => fact === 'egress-open').length <= 33)
  assert.equal(bench.facts.filter(({ fact }) => fact === 'egress-refuse').length, 1)
})

test('what may change something is sent once, whatever becomes of the connection', async (t) => {
  const { open, port, seen } = await setUp(t, ({ method, socket }, response) => {
    if (method === 'GET') return void response.end('hello')
    response.writeProcessing()
    return void setImmediate(() => socket.destroy())
  })
  const ask = (method: string): string => `${method} / HTTP/1.1\r\nHost: a.example:${port}\r\n\r\n`
  for (const method of ['POST', 'DELETE', 'PATCH']) {
    const program = await open()
    program.stream.write(ask('GET'))
    await readUntil(program, (text) => text.includes('hello'))
    program.stream.end(ask(method))
    assert.match(await all(program.stream), /^HTTP\/1\.1 502 /)
    assert.equal(seen.filter((line) => line.startsWith(`${method} `)).length, 1)
  }
})

test('a request whose connection was refused is not sent over one that is there later', async (t) => {
  const waiting: ServerResponse[] = []
  let refuses = false
  const { open, port, seen, bench } = await setUp(t, (_request, response) => void waiting.push(response), {
    mayConnect: () => (refuses ? 'not now' : undefined),
  })
  const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.example:${port}\r\n\r\n`
  const program = await open()
  program.stream.write(ask('/').repeat(8))
  await eventually(() => waiting.length === 8 || undefined)
  program.stream.end(ask('/last'))
  refuses = true
  waiting[0]?.setHeader('connection', 'close').end('done')
  await eventually(() => bench.facts.find(({ fact }) => fact === 'egress-refuse'))
  refuses = false
  for (const response of waiting.slice(1)) response.setHeader('connection', 'close').end('done')
  assert.match(await all(program.stream), /( 200 OK[^]*){8} 403 /)
  assert.ok(!seen.some((line) => line.startsWith('GET /last ')))
})

test('requests that may change something have connections of their own, however many there are at once', async (t) => {
  const waiting: ServerResponse[] = []
  const { open, port, bench } = await setUp(t, (_request, response) => void waiting.push(response))
  const opened = (): number => bench.facts.filter(({ fact }) => fact === 'egress-open').length
  const program = await open()
  const request = `POST / HTTP/1.1\r\nHost: a.example:${port}\r\n\r\n`
  program.stream.write(request.repeat(8))
  await eventually(() => waiting.length === 8 || undefined)
  program.stream.end(request.repeat(4))
  await eventually(() => waiting.length === 12 || undefined)
  const before = opened()
  for (const response of waiting) response.end('done')
  assert.match(await all(program.stream), /( 200 OK[^]*){12}/)
  assert.deepEqual([before, opened()], [13, 13])
})
