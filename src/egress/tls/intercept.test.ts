import assert from 'node:assert/strict'
import { createServer as createHttps } from 'node:https'
import { connect as connectTcp, createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, test } from 'node:test'
import { connect as connectTls, createServer as createTls, type ConnectionOptions } from 'node:tls'
import { createAuthority, type Authority } from './authority.ts'
import { intercept, type Opened } from './intercept.ts'
import { hostRoots, verifying } from './roots.ts'

/** The public world: an authority that the host believes, and a server that it vouches for. */
const world = createAuthority(['example.org'], 'world')
const roots = verifying([world.certificate])
const host = { name: 'api.example.org', port: 443 }

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

async function listening(server: Server): Promise<number> {
  const ends = new Set<Socket>()
  server.on('connection', (socket) => ends.add(socket))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  open.push(() => {
    for (const end of ends) end.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A real connection over loopback: the program's end, and ours. */
async function pair(): Promise<{ program: Socket; ours: Duplex }> {
  const accepted = Promise.withResolvers<Socket>()
  const port = await listening(createTcp({ allowHalfOpen: true }, (socket) => accepted.resolve(socket)))
  const program = connectTcp(port, '127.0.0.1')
  open.push(() => program.destroy())
  return { program, ours: await accepted.promise }
}

interface Tried {
  readonly opened: Promise<Opened>
  readonly program: Promise<Duplex & { alpnProtocol?: string | false | null; getProtocol(): string | null }>
}

async function tried(
  authority: Authority,
  asking: ConnectionOptions,
  connect: () => Promise<Duplex> = never,
): Promise<Tried> {
  const { program, ours } = await pair()
  const opened = intercept(ours, host, { authority, roots, connect })
  const tls = connectTls({ socket: program, ca: authority.certificate, servername: host.name, ...asking })
  open.push(() => tls.destroy())
  const ready = new Promise<typeof tls>((resolve, reject) => {
    tls.once('secureConnect', () => resolve(tls))
    tls.once('error', reject)
  })
  // Each of the two is looked at by some tests only.
  ready.catch(() => undefined)
  opened.catch(() => undefined)
  return { opened, program: ready }
}

const never = (): Promise<Duplex> => Promise.reject(new Error('nobody was to be connected to'))
const sandbox = (): Authority => createAuthority([host.name], 'gbx-1')

test('a program that believes the authority of its sandbox speaks HTTP/1.1 with us as if we were the host', async () => {
  const { opened, program } = await tried(sandbox(), { ALPNProtocols: ['h2', 'http/1.1'] })
  const [ours, theirs] = await Promise.all([opened, program])
  assert.equal(theirs.alpnProtocol, 'http/1.1')
  theirs.write('GET / HTTP/1.1\r\n\r\n')
  const first = await new Promise<Buffer>((resolve) => void ours.program.once('data', resolve))
  assert.equal(first.toString(), 'GET / HTTP/1.1\r\n\r\n')
})

test('a program that believes only the world does not believe us', async () => {
  const { opened, program } = await tried(sandbox(), { ca: world.certificate })
  await assert.rejects(program, /unable to verify|self-signed|issuer/)
  await assert.rejects(opened)
})

test('the authority of another sandbox is not believed', async () => {
  const { program } = await tried(sandbox(), { ca: sandbox().certificate })
  await assert.rejects(program)
})

test('a program that asks for another host, or for none, is turned away', async () => {
  const other = await tried(sandbox(), { servername: 'other.example.org', checkServerIdentity: () => undefined })
  await assert.rejects(other.opened, /other\.example\.org was asked for/)
  const none = await tried(sandbox(), { servername: '', checkServerIdentity: () => undefined })
  await assert.rejects(none.opened, /no name was asked for/)
})

test('a program that speaks only HTTP/2, or an old TLS, is turned away', async () => {
  const h2 = await tried(sandbox(), { ALPNProtocols: ['h2'] })
  await assert.rejects(h2.opened)
  await assert.rejects(h2.program)
  const old = await tried(sandbox(), { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' })
  await assert.rejects(old.opened)
})

test('what is no TLS, and a program that goes away, end the attempt', async () => {
  for (const act of [(socket: Socket) => socket.end('GET / HTTP/1.1\r\n\r\n'), (socket: Socket) => socket.destroy()]) {
    const { program, ours } = await pair()
    program.on('error', () => undefined)
    act(program)
    await assert.rejects(intercept(ours, host, { authority: sandbox(), roots, connect: never }))
  }
})

/** A server of the world's at some port, for a name. */
async function server(leaf: { cert: string; key: string }): Promise<() => Promise<Socket>> {
  const port = await listening(createHttps(leaf, (request, response) => response.end(request.url)))
  return () => connected(port)
}

async function connected(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1')
  await new Promise<void>((resolve, reject) => void socket.once('connect', resolve).once('error', reject))
  return socket
}

test('the host is spoken to by its own name, and what it says comes back', async () => {
  const { opened } = await tried(sandbox(), {}, await server(world.leafFor(host.name)))
  const upstream = await (await opened).upstream()
  upstream.end('GET /here HTTP/1.1\r\nHost: api.example.org\r\nConnection: close\r\n\r\n')
  const chunks: Buffer[] = []
  for await (const chunk of upstream) chunks.push(chunk as Buffer)
  assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 200 OK[^]*\/here/)
})

const impostors: Readonly<Record<string, () => { cert: string; key: string }>> = {
  'vouched for by nobody': () => createAuthority(['example.org'], 'impostor').leafFor(host.name),
  'vouched for under another name': () => world.leafFor('other.example.org'),
  'whose certificate has ended': () =>
    createAuthority(['example.org'], 'world', () => Date.now() - 400 * 86_400_000).leafFor(host.name),
}

for (const [name, leaf] of Object.entries(impostors)) {
  test(`a host ${name} is not spoken to`, async () => {
    const { opened } = await tried(sandbox(), {}, await server(leaf()))
    const { upstream } = await opened
    await assert.rejects(upstream())
  })
}

test('a host that wants an old TLS, or says nothing sensible, is not spoken to', async () => {
  const old = createTls({
    ...world.leafFor(host.name),
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  const oldPort = await listening(old)
  const plainPort = await listening(
    createTcp((socket) => void socket.on('error', () => undefined).end('HTTP/1.1 200 OK\r\n\r\n')),
  )
  for (const port of [oldPort, plainPort]) {
    const { opened } = await tried(sandbox(), {}, () => connected(port))
    const { upstream } = await opened
    await assert.rejects(upstream())
  }
})

test('the roots of this machine are many, and each is a certificate', () => {
  const all = hostRoots()
  assert.ok(all.length > 10)
  assert.ok(all.every((each) => each.startsWith('-----BEGIN CERTIFICATE-----')))
})
