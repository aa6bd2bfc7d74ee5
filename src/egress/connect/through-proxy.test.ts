import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { createServer, type Server } from 'node:https'
import { createServer as createTcp, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { eventually } from '../../../test/support/eventually.ts'
import { createAuthority } from '../tls/authority.ts'
import { upstreamOf, type HostProxy } from '../upstream.ts'
import { dialThrough } from './through-proxy.ts'

const name = 'localhost'
const authority = createAuthority([name], 'test')
const options = { connectMs: 2000, idleMs: 5000 }

/** A proxy that is spoken with over TLS: answers by itself for whomever it was asked for. */
async function secureProxy(t: TestContext) {
  const asked: { readonly authority: string | undefined; readonly credentials: string | undefined }[] = []
  const server: Server = createServer(authority.leafFor(name))
  server.on('connect', (request, socket) => {
    asked.push({ authority: request.url, credentials: request.headers['proxy-authorization'] })
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const found = upstreamOf({ HTTPS_PROXY: `https://me:word@${name}:${port}` }).proxyFor({
    name: 'a.example',
    port: 443,
  })
  return { asked, proxy: found as HostProxy }
}

test('a proxy that is spoken with over TLS is believed by the certificates of this host, and told no password before', async (t) => {
  const { asked, proxy } = await secureProxy(t)
  await assert.rejects(dialThrough(proxy, 'a.example:443', options), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  assert.deepEqual(asked, [])

  const before = getCACertificates('default')
  setDefaultCACertificates([...before, authority.certificate])
  t.after(() => setDefaultCACertificates(before))
  const socket = await dialThrough(proxy, 'a.example:443', options)
  socket.end('there and back')
  assert.equal(Buffer.concat((await socket.toArray()) as Buffer[]).toString(), 'there and back')
  const credentials = `Basic ${Buffer.from('me:word').toString('base64')}`
  assert.deepEqual(asked, [{ authority: 'a.example:443', credentials }])
})

test('one that shows a certificate of another name is not believed', async (t) => {
  const { asked, proxy } = await secureProxy(t)
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, authority.certificate])
  t.after(() => setDefaultCACertificates(before))
  await assert.rejects(dialThrough({ ...proxy, host: '127.0.0.1' }, 'a.example:443', options), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
  assert.deepEqual(asked, [])
})

const ways = [
  { how: 'in the clear', secure: false },
  { how: 'over TLS', secure: true },
]

for (const { how, secure } of ways) {
  test(`a proxy that is spoken with ${how} and says nothing is given up, and its connection with it`, async (t) => {
    const taken = Promise.withResolvers<Socket>()
    const silent = createTcp((socket) => taken.resolve(socket.on('error', () => socket.destroy()))).listen(
      0,
      '127.0.0.1',
    )
    t.after(() => silent.close())
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const proxy = { host: '127.0.0.1', port, secure, authorization: undefined }
    await assert.rejects(dialThrough(proxy, 'a.example:443', { connectMs: 100, idleMs: 60_000 }), { code: 'ETIMEDOUT' })
    const socket = await taken.promise
    await eventually(() => socket.resume().destroyed || undefined)
  })

  test(`a connection through one that is spoken with ${how} may be idle for longer than it may take to be made`, async (t) => {
    const before = getCACertificates('default')
    setDefaultCACertificates([...before, authority.certificate])
    t.after(() => setDefaultCACertificates(before))
    const { proxy } = secure ? await secureProxy(t) : await plainProxy(t)
    const made = await dialThrough(proxy, 'a.example:443', options)
    const since = performance.now()
    await eventually(() => performance.now() - since > options.connectMs + 500 || undefined)
    made.write('still there')
    assert.equal(String((await once(made, 'data'))[0]), 'still there')
    assert.equal(made.timeout, options.idleMs)
    made.setTimeout(50)
    await once(made, 'close')
  })
}

/** One in the clear, which answers by itself too. */
async function plainProxy(t: TestContext) {
  const server = createHttp()
  server.on('connect', (_, socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { proxy: { host: '127.0.0.1', port, secure: false, authorization: undefined } }
}
