import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Duplex } from 'node:stream'
import { codeOf } from '../route.ts'
import { createFrames, frameOf } from './frames.ts'
import type { Pace } from './pace.ts'

export interface CarryOptions {
  /** Canonical, checked: no other is sent to. The first to which this machine has a way. */
  readonly addresses: readonly string[]
  readonly port: number
  /** Over which nothing moves for so long is closed. */
  readonly idleMs: number
  readonly pace: Pace
  readonly onConnected: (address: string) => void
}

export type Carried =
  | { readonly how: 'failed'; readonly reason: string }
  | {
      readonly how: 'closed'
      readonly sent: number
      readonly received: number
      readonly datagrams: { readonly sent: number; readonly received: number; readonly dropped: number }
      readonly reason: 'end' | 'idle'
    }

/** What may wait in memory for either side; datagrams beyond are dropped, as they may be anywhere on their way. */
const maxWaiting = 1 << 20

/**
 * Sends what a program sends from one socket to one place, and gives back what comes from there, until either end is done.
 * The socket is connected, so that the kernel takes nothing from anybody else, and its address is this machine's own,
 * whatever the program bound inside.
 */
export async function carryDatagrams(stream: Duplex, options: CarryOptions): Promise<Carried> {
  const made = await connectedTo(options.addresses, options.port)
  if (typeof made === 'string') {
    stream.destroy()
    return { how: 'failed', reason: made }
  }
  const { socket, address } = made
  options.onConnected(address)
  return move(stream, socket, address, options)
}

async function move(stream: Duplex, socket: Socket, address: string, options: CarryOptions): Promise<Carried> {
  const { port, idleMs, pace } = options
  const bytes = { sent: 0, received: 0 }
  const datagrams = { sent: 0, received: 0, dropped: 0 }
  const over = Promise.withResolvers<'end' | 'idle'>()
  const idle = setTimeout(() => over.resolve('idle'), idleMs)
  const out = createFrames((datagram) => {
    idle.refresh()
    if (socket.getSendQueueSize() > maxWaiting || !pace()) return void (datagrams.dropped += 1)
    socket.send(datagram, (error) => {
      if (error !== null) return void (datagrams.dropped += 1)
      datagrams.sent += 1
      bytes.sent += datagram.length
    })
  })
  socket.on('message', (datagram, from) => {
    // What came between the socket's making and its being connected is anybody's (connect(2)).
    if (from.port !== port || from.address !== address) return
    idle.refresh()
    if (stream.destroyed || stream.writableLength > maxWaiting) return void (datagrams.dropped += 1)
    stream.write(frameOf(datagram))
    datagrams.received += 1
    bytes.received += datagram.length
  })
  // Nobody listens there for now (ICMP): a datagram was lost, and the next may arrive.
  socket.on('error', () => void (datagrams.dropped += 1))
  stream.on('data', out)
  stream.once('end', () => over.resolve('end')).once('close', () => over.resolve('end'))
  // Told by 'close'.
  stream.on('error', () => undefined)
  stream.resume()
  const reason = await over.promise
  clearTimeout(idle)
  stream.destroy()
  await new Promise<void>((resolve) => socket.close(resolve))
  return { how: 'closed', ...bytes, datagrams, reason }
}

async function connectedTo(
  addresses: readonly string[],
  port: number,
): Promise<{ readonly socket: Socket; readonly address: string } | string> {
  let why = 'EHOSTUNREACH'
  for (const address of addresses) {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    try {
      await new Promise<void>((resolve, reject) => {
        // With a callback an error would come by that.
        socket.once('error', reject).once('connect', () => {
          socket.off('error', reject)
          resolve()
        })
        // No name: nothing is looked up.
        socket.connect(port, address)
      })
      return { socket, address: socket.remoteAddress().address }
    } catch (error) {
      socket.close()
      why = codeOf(error)
    }
  }
  return why
}
