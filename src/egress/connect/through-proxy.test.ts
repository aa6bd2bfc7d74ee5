import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
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
