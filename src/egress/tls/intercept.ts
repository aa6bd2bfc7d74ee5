import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect, createServer, type SecureContext, type TLSSocket } from 'node:tls'
import type { RequestHost } from '../secrets/request.ts'
import type { Authority } from './authority.ts'

/** Longest handshake, with the program as with the host. */
const handshakeMs = 10_000

export interface Interception {
  readonly authority: Authority
  /** What the host has to show itself by. */
  readonly roots: SecureContext
  /** A new connection to the address that was checked. */
  readonly connect: () => Promise<Duplex>
}

/** What is said to a host over TLS, in clear: the program's end of it, and a way to the host itself. */
export interface Opened {
  readonly program: Duplex
  /** A new connection to the host, which has shown itself to be it. @throws what was wrong with its certificate */
  readonly upstream: () => Promise<Duplex>
}

/**
 * Takes a program's TLS connection as if we were the host. `program`: its bytes, from the first one of its ClientHello on.
 * @throws when the program does not believe us, asks for another host, or wants another protocol than HTTP/1.1
 */
export async function intercept(program: Duplex, host: RequestHost, using: Interception): Promise<Opened> {
  const opened = await accept(program, host, using.authority)
  return { program: opened, upstream: async () => shown(await using.connect(), host, using.roots) }
}

async function accept(program: Duplex, { name }: RequestHost, authority: Authority): Promise<TLSSocket> {
  const isName = isIP(name) === 0
  const accepted = Promise.withResolvers<TLSSocket>()
  const server = createServer({
    ...authority.leafFor(name),
    // What goes over HTTP/2 could not be read request by request.
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    handshakeTimeout: handshakeMs,
    SNICallback: (asked, done) =>
      // Undefined: the certificate above.
      done(
        isName && asked.toLowerCase() === name ? null : new Error(`${asked} was asked for on a connection to ${name}`),
      ),
  })
  server.once('secureConnection', (socket: TLSSocket) => {
    // RFC 6066, 3: an address is not asked for by name. A program that asks for no name got this far unseen.
    if (!isName || typeof socket.servername === 'string') accepted.resolve(socket)
    else accepted.reject(new Error(`no name was asked for on a connection to ${name}`))
  })
  server.once('tlsClientError', (error: Error) => accepted.reject(error))
  program.once('close', () => accepted.reject(new Error('the program closed the connection')))
  // A program that goes away in the middle of the handshake is gone; behind it, a side that has said all may still listen.
  const { allowHalfOpen } = program
  program.allowHalfOpen = false
  server.emit('connection', program)
  try {
    const socket = await accepted.promise
    socket.allowHalfOpen = allowHalfOpen
    return socket
  } catch (error) {
    program.destroy()
    throw error
  }
}

/** A TLS connection over this one to a host that has shown itself to be the one that is meant. */
async function shown(socket: Duplex, { name }: RequestHost, secureContext: SecureContext): Promise<TLSSocket> {
  const tls = connect({
    socket,
    host: name,
    servername: isIP(name) === 0 ? name : '',
    secureContext,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
  })
  const timer = setTimeout(
    () => tls.destroy(new Error(`no answer from ${name} within ${handshakeMs / 1000} s`)),
    handshakeMs,
  )
  try {
    await new Promise<void>((resolve, reject) => {
      tls.once('secureConnect', resolve)
      tls.once('error', reject)
      tls.once('close', () => reject(new Error(`${name} closed the connection`)))
    })
    return tls
  } catch (error) {
    tls.destroy()
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}
