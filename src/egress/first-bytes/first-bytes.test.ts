import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { test } from 'node:test'
import { clientHello, helloBody, serverNames, sized } from '../../../test/support/client-hello.ts'
import { readClientHello } from './client-hello.ts'
import { httpStart } from './http-start.ts'
import { judgeFirstBytes, maxFirstBytes } from './judge.ts'

const name = 'api.example.org'
const found = { kind: 'hello', name, hidden: false }

test('the hello that OpenSSL sends says whom it is for', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const taken = new Promise<Buffer>((resolve) =>
    server.once('connection', (socket) =>
      socket.once('data', (bytes) => {
        socket.destroy()
        resolve(bytes)
      }),
    ),
  )
  const client = connectTls({
    port,
    host: '127.0.0.1',
    servername: 'API.Example.org',
    ALPNProtocols: ['h2', 'http/1.1'],
  })
  client.on('error', () => client.destroy())
  assert.deepEqual(readClientHello(await taken), found)
  server.close()
})

test('a hello is read out of whatever pieces and records it comes in', () => {
  const grease: [number, Buffer] = [0x4a4a, Buffer.of(0)]
  for (const fragment of [1, 3, 100, 2 ** 14]) {
    const bytes = clientHello({ name, fragment, extensions: [grease] })
    assert.deepEqual(readClientHello(bytes), found)
    for (let length = 0; length < bytes.length; length += 7)
      assert.equal(readClientHello(bytes.subarray(0, length)).kind, 'more')
  }
})

test('a hello without a name has none, and one that may hide another says so', () => {
  assert.deepEqual(readClientHello(clientHello({})), { kind: 'hello', name: undefined, hidden: false })
  assert.deepEqual(readClientHello(clientHello({ name, ech: true })), { ...found, hidden: true })
})

test('what two servers could read differently is malformed', () => {
  const record = (payload: Buffer): Buffer => Buffer.concat([Buffer.from([22, 3, 1]), sized(2, payload)])
  const message = (body: Buffer): Buffer => record(Buffer.concat([Buffer.of(1), sized(3, body)]))
  const body = helloBody({ name })
  const two: [number, Buffer] = [0, serverNames(Buffer.from('other.example'))]
  const cases: Record<string, Buffer> = {
    'two names of servers': clientHello({ name, extensions: [two] }),
    'two names in one extension': clientHello({
      extensions: [
        [0, sized(2, Buffer.concat([0, 1].map(() => Buffer.concat([Buffer.of(0), sized(2, Buffer.from(name))]))))],
      ],
    }),
    'a name of another kind': clientHello({
      extensions: [[0, sized(2, Buffer.concat([Buffer.of(1), sized(2, Buffer.from(name))]))]],
    }),
    'a name with a zero in it': clientHello({ name: 'api.example.org\0.evil.example' }),
    'a name with a final dot': clientHello({ name: `${name}.` }),
    'an address': clientHello({ name: '127.0.0.1' }),
    'an empty name': clientHello({ name: '' }),
    'bytes behind the extensions': message(Buffer.concat([body, Buffer.of(0)])),
    'extensions that are cut off': message(body.subarray(0, -1)),
    'a message behind it': record(Buffer.concat([Buffer.of(1), sized(3, body), Buffer.of(1)])),
    'another message first': record(Buffer.concat([Buffer.of(2), sized(3, body)])),
    'an empty record': Buffer.concat([record(Buffer.alloc(0)), message(body)]),
    'a record that is too long': Buffer.from([22, 3, 1, 0x40, 1, 0]),
    'a message that is too long': record(Buffer.from([1, 0xff, 0xff, 0xff])),
    'version 2 of SSL': Buffer.from([0x80, 0x2e, 1, 3, 1]),
    'version 3.4 of a record': Buffer.from([22, 3, 4, 0, 1, 1]),
    'an alert': Buffer.from([21, 3, 1, 0, 2, 1, 0]),
    'an alert in the middle': Buffer.concat([
      clientHello({ name, fragment: 9 }).subarray(0, 14),
      Buffer.from([21, 3, 1, 0, 2, 1, 0]),
    ]),
  }
  for (const [what, bytes] of Object.entries(cases)) assert.equal(readClientHello(bytes).kind, 'malformed', what)
})

test('a request of HTTP is known by its first line', () => {
  const is: Record<string, ReturnType<typeof httpStart>> = {
    'GET / HTTP/1.1\r\n': 'http',
    'get / HTTP/1.0\n': 'http',
    'M-SEARCH * HTTP/1.1\r\n': 'http',
    '\r\nPOST /x y HTTP/1.1\r\n': 'http',
    'GET / HTTP/9\r\n': 'http',
    'OPTIONS / RTSP/1.0\r\n': 'mistakable',
    'GET /a HTTP/x RTSP/1.0\r\n': 'mistakable',
    'SOURCE /live ICE/1.0\r\n': 'mistakable',
    'OPTIONS sip:x SIP/2.0\r\n': 'other',
    'OPTIONS icap://x/ ICAP/1.0\r\n': 'other',
    'GET /': 'more',
    G: 'more',
    '\r\n': 'more',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n': 'http2',
    'PRI * HTTP/2.0\r\n': 'more',
    'SSH-2.0-OpenSSH\r\n': 'other',
    'EHLO me\r\n': 'other',
    '*1\r\n$4\r\nPING\r\n': 'other',
    '\0\0\0\x08': 'other',
    '': 'more',
    'GET\t/\tHTTP/1.1\r\n': 'http',
    '\0 GET / http/1.1 \r\n': 'http',
    'AUTH abc\r\n': 'other',
    // Servers that name themselves by the target take one of any scheme, others take any target and any method.
    'GET x://evil.example/ HTTP/1.1\r\n': 'http',
    'GET evil HTTP/1.1\r\n': 'http',
    [`${'A'.repeat(40)} / HTTP/1.1\r\n`]: 'http',
    [`GET /${'x'.repeat(13_000)} HTTP/1.1\r\n`]: 'http',
    'GET x': 'more',
    // Binary, with letters at its beginning: an anonymous bind of LDAP, a message of MongoDB, AMQP, git.
    '0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\x00\x80\x00': 'other',
    'A\0\0\0h\0\0\0\0\0\0\0\xdd\x07\0\0': 'other',
    'AMQP\0\0\x09\x01': 'other',
    '0032git-upload-pack /project.git\0host=a.example\0': 'other',
    'GET /index.html\r\n': 'other',
    'USER h': 'more',
  }
  for (const [text, start] of Object.entries(is)) assert.equal(httpStart(Buffer.from(text, 'latin1')), start, text)
  assert.equal(httpStart(Buffer.from(`GET /${'x'.repeat(maxFirstBytes)}`)), 'more', 'a line without an end')
})

test('what passes, what is gone through, and what is refused depends on the port and the name', () => {
  const at = (port: number) => ({ name, port })
  const hello = clientHello({ name })
  const http = Buffer.from('GET / HTTP/1.1\r\n')
  const ssh = Buffer.from('SSH-2.0-x\r\n')
  const of = (bytes: Buffer, port: number, end = false): string => {
    const finding = judgeFirstBytes(bytes, end, at(port))
    return finding.is === 'refuse' ? finding.rule : finding.is
  }
  assert.deepEqual([of(hello, 443), of(http, 443), of(ssh, 443)], ['pass', 'network.protocol', 'network.protocol'])
  assert.deepEqual([of(hello, 80), of(http, 80), of(ssh, 80)], ['network.protocol', 'http', 'network.protocol'])
  assert.deepEqual([of(hello, 22), of(http, 22), of(ssh, 22)], ['pass', 'http', 'pass'])
  assert.deepEqual(
    [of(clientHello({ name: 'evil.example' }), 22), of(clientHello({}), 443)],
    ['network.sni', 'network.sni'],
  )
  const none = Buffer.alloc(0)
  assert.deepEqual([of(none, 443), of(none, 443, true), of(none, 22, true)], ['more', 'pass', 'pass'])
  const half = hello.subarray(0, 20)
  assert.deepEqual(
    [of(half, 443), of(half, 443, true), of(half, 22, true)],
    ['more', 'network.protocol', 'network.protocol'],
  )
  assert.deepEqual([of(Buffer.from('GE'), 22), of(Buffer.from('GE'), 22, true)], ['more', 'pass'])
  const endless = Buffer.from(`GET /${'x'.repeat(maxFirstBytes)}`)
  assert.deepEqual(
    [of(endless.subarray(0, maxFirstBytes), 22), of(endless.subarray(0, 99), 22)],
    ['network.protocol', 'more'],
  )
  const long = Buffer.concat([
    Buffer.from([22, 3, 1]),
    sized(2, Buffer.concat([Buffer.from([1, 0, 0x3f, 0xff]), Buffer.alloc(2 ** 14 - 10)])),
  ])
  assert.equal(of(Buffer.concat([long, Buffer.alloc(10)]).subarray(0, maxFirstBytes), 443), 'network.protocol')
})

test('a refusal says nothing of the program’s but a name that was checked', () => {
  const finding = judgeFirstBytes(clientHello({ name: 'Evil.Example' }), false, { name, port: 443 })
  assert.ok(finding.is === 'refuse')
  assert.equal(finding.reason, 'TLS for evil.example on a connection to api.example.org')
  const odd = judgeFirstBytes(clientHello({ name: 'x\x1b[2J' }), false, { name, port: 443 })
  assert.ok(odd.is === 'refuse')
  assert.equal(odd.reason, 'TLS that cannot be read: a server name that is no name')
})
