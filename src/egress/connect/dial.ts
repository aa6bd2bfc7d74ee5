import { connect, Socket } from 'node:net'
import { finished } from 'node:stream/promises'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { resetSocket } from '../../system/reset-socket.ts'
import { reasonOf } from './cut.ts'

export interface DialOptions {
  readonly connectMs: number
  /** A connection over which nothing moved for so long is closed. */
  readonly idleMs: number
  /** Whether the other end is still spoken to when it has said its last; false: it is not (HTTP). Default true. */
  readonly halfOpen?: boolean
}

/**
 * Connects to the first of these addresses that answers.
 * @throws the system's error of the last one
 */
export async function dial(addresses: readonly string[], port: number, options: DialOptions): Promise<Socket> {
  let last: unknown = new Error('no address to connect to')
  for (const address of addresses) {
    try {
      return await dialOne(address, port, options)
    } catch (error) {
      last = error
    }
  }
  throw last
}

async function dialOne(
  host: string,
  port: number,
  { connectMs, idleMs, halfOpen = true }: DialOptions,
): Promise<Socket> {
  // `host` is an address: nothing is looked up, and there is nothing to choose between.
  const socket = connect({ host, port, allowHalfOpen: halfOpen, autoSelectFamily: false, noDelay: true })
  await new Promise<void>((resolve, reject) => {
    const late = (): void => {
      socket.destroy(Object.assign(new Error('the connection took too long'), { code: 'ETIMEDOUT' }))
    }
    socket.setTimeout(connectMs, late)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject).off('timeout', late)
      resolve()
    })
  })
  // Whoever asked for it may still wait for the program's end of it, and 'close' tells them the rest: unheard, an error would end us.
  socket.on('error', () => socket.destroy())
  endWhenIdle(socket, { idleMs })
  return socket
}

/** Its 'timeout' says that this was why. */
export function endWhenIdle(socket: Socket, { idleMs }: Pick<DialOptions, 'idleMs'>): void {
  socket.setTimeout(idleMs, () => socket.destroy())
}

/**
 * Moves bytes both ways, each with its own end and at the pace of who takes them. Settles when both are done, or one failed:
 * with why.
 * `answering`: what comes from outside is on its way already.
 */
export async function join(
  inside: Duplex,
  outside: Duplex,
  answering = false,
): Promise<'end' | ReturnType<typeof reasonOf>> {
  if (!answering) outside.pipe(inside)
  inside.pipe(outside)
  try {
    await Promise.all([finished(inside), finished(outside)])
    return 'end'
  } catch (error) {
    // Whatever failed: it is told as a connection that was cut, on both sides.
    resetConnection(outside)
    return reasonOf(error)
  } finally {
    inside.destroy()
    outside.destroy()
  }
}

/** What was cut must not look whole to the server either. */
export function resetConnection(outside: Duplex): void {
  // Of an encrypted one only the end can be told: TLS says itself when it is a whole one (RFC 8446, 6.1).
  if (outside instanceof Socket && !(outside instanceof TLSSocket)) resetSocket(outside)
  else outside.destroy()
}
