import { request } from 'node:http'
import { isIP, type Socket } from 'node:net'
import { connect as connectTls, getCACertificates } from 'node:tls'
import { lookup } from 'node:dns/promises'
import type { HostProxy } from '../upstream.ts'
import { dial, type DialOptions } from './dial.ts'

/** A connection to the host's proxy, encrypted where its URL says so, with the certificates that the system trusts. */
export async function dialProxy(proxy: HostProxy, options: DialOptions): Promise<Socket> {
  // The proxy is the host's own choice: no rule of the sandbox is about its address.
  const addresses = isIP(proxy.host) > 0 ? [proxy.host] : await addressesOf(proxy.host)
  const socket = await dial(addresses, proxy.port, options)
  if (!proxy.secure) return socket
  const ca = [...getCACertificates('default'), ...getCACertificates('system')]
  const servername = isIP(proxy.host) > 0 ? {} : { servername: proxy.host }
  const secure = connectTls({ socket, host: proxy.host, ca, ...servername })
  await new Promise<void>((resolve, reject) => {
    secure.once('error', reject)
    secure.once('secureConnect', () => {
      secure.off('error', reject)
      resolve()
    })
  })
  return secure
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
    agent: false,
    createConnection: () => socket,
  })
  asking.setTimeout(options.connectMs, () =>
    asking.destroy(Object.assign(new Error('the proxy took too long'), { code: 'ETIMEDOUT' })),
  )
  return new Promise<Socket>((resolve, reject) => {
    asking.once('error', reject)
    asking.once('response', ({ statusCode }) => reject(refusedBy(statusCode)))
    asking.once('connect', ({ statusCode = 0 }, opened, head) => {
      if (statusCode < 200 || statusCode > 299) {
        opened.destroy()
        return reject(refusedBy(statusCode))
      }
      if (head.length > 0) opened.unshift(head)
      resolve(opened)
    })
    asking.end()
  })
}

function refusedBy(status: number | undefined): Error {
  return Object.assign(new Error(`the proxy of this host answered ${status}`), { code: 'ECONNREFUSED' })
}
