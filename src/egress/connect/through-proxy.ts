import { request } from 'node:http'
import { isIP, type Socket } from 'node:net'
import { connect as connectTls, getCACertificates } from 'node:tls'
import { lookup } from 'node:dns/promises'
import type { HostProxy } from '../upstream.ts'
import { dial, endWhenIdle, type DialOptions } from './dial.ts'

/**
 * A connection to the host's proxy, encrypted where its URL says so, with the certificates that the system trusts.
 * @throws the system's error, or that of TLS; ETIMEDOUT for a proxy that says nothing
 */
export async function dialProxy(proxy: HostProxy, options: DialOptions): Promise<Socket> {
  // The proxy is the host's own choice: no rule of the sandbox is about its address.
  const addresses = isIP(proxy.host) > 0 ? [proxy.host] : await addressesOf(proxy.host)
  const socket = await dial(addresses, proxy.port, options)
  if (!proxy.secure) return socket
  const ca = [...getCACertificates('default'), ...getCACertificates('system')]
  const servername = isIP(proxy.host) > 0 ? {} : { servername: proxy.host }
  const secure = connectTls({ socket, host: proxy.host, ca, ...servername })
  await beforeLate(secure, options, (resolve, reject) => {
    secure.once('secureConnect', resolve)
    secure.once('error', reject)
  })
  // It is the encrypted one that is asked whether it was idle.
  socket.setTimeout(0)
  endWhenIdle(secure, options)
  return secure
}

/** Waits for what `begin` tells. Whoever is late is cut off, and whatever fails leaves nothing open. */
async function beforeLate<T>(
  socket: Socket,
  { connectMs }: DialOptions,
  begin: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  // Not a timeout of the socket's, which is that of an idle connection from the beginning.
  const timer = setTimeout(
    () => socket.destroy(Object.assign(new Error('the proxy took too long'), { code: 'ETIMEDOUT' })),
    connectMs,
  )
  try {
    return await new Promise<T>((resolve, reject) => {
      socket.once('close', () => reject(Object.assign(new Error('the proxy hung up'), { code: 'ECONNRESET' })))
      begin(resolve, reject)
    })
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function addressesOf(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address)
}

/**
 * A connection to `authority` (`host:port`) that the proxy makes.
 * @throws the system's error, or one that says what the proxy answered
 */
export async function dialThrough(proxy: HostProxy, authority: string, options: DialOptions): Promise<Socket> {
  const socket = await dialProxy(proxy, options)
  const asking = request({
    method: 'CONNECT',
    path: authority,
    headers: {
      host: authority,
      ...(proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization }),
    },
    setHost: false,
    // Without an agent, which `agent: false` would be: it makes connections of its own.
    createConnection: () => socket,
  })
  return beforeLate(socket, options, (resolve, reject) => {
    asking.once('error', reject)
    asking.once('response', ({ statusCode }) => reject(refusedBy(statusCode)))
    asking.once('connect', ({ statusCode = 0 }, opened: Socket, head) => {
      if (statusCode < 200 || statusCode > 299) return reject(refusedBy(statusCode))
      if (head.length > 0) opened.unshift(head)
      resolve(opened)
    })
    asking.end()
  })
}

function refusedBy(status: number | undefined): Error {
  return Object.assign(new Error(`the proxy of this host answered ${status}`), { code: 'ECONNREFUSED' })
}
