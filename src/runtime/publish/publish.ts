import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { GloveboxError, messageOf } from '../../errors.ts'
import { statusOf } from '../../inside/failure.ts'
import type { PublishedPort } from '../../policy/network.ts'
import type { PublishCloseFact, Recorder } from '../../protocol/facts.ts'
import { resetSocket } from '../../system/reset-socket.ts'
import { createBook, type Stay } from './book.ts'
import { carry, type Carried } from './carry.ts'
import { listen, type Listener, type ListeningPort } from './listen.ts'
import { createWayIn, type WayIn } from './way-in.ts'

/** The published ports of one sandbox. */
export interface Published {
  readonly ports: readonly ListeningPort[]
  /** It runs, and is reached this way: whoever waits is let in. */
  attach(connect: () => Promise<Duplex>): void
  /** Nobody is let in any more, and the ends of all visits are in the record. Idempotent. */
  close(): Promise<void>
}

/** For all ports of a sandbox together. */
const maxVisits = 256

/**
 * Listens for a sandbox that is still to be started.
 * @throws GloveboxError NOT_STARTED for a port that cannot be had; nothing listens then
 */
export async function publish(options: {
  readonly ports: readonly PublishedPort[]
  readonly record: Recorder
  /** How long the sandbox's inside may give no sign of life, where that is longer than usual. */
  readonly silenceMs?: number | undefined
  /** Something could not be recorded: the sandbox has to end. */
  readonly onFailure: (error: unknown) => void
}): Promise<Published> {
  const book = createBook(options.record, options.onFailure)
  const visits = new Map<Socket, (reason: PublishCloseFact['reason']) => void>()
  const attached = Promise.withResolvers<WayIn>()
  attached.promise.catch(() => undefined) // told to who waits for it
  let wayIn: WayIn | undefined
  let isClosed = false

  const listeners: Listener[] = []
  const stopListening = async (): Promise<void> => void (await Promise.all(listeners.map(async (each) => each.close())))
  try {
    for (const port of options.ports) listeners.push(await listen(port, take))
  } catch (error) {
    await stopListening()
    throw error
  }
  return {
    ports: listeners.map(({ address, port, inside }) => ({ address, port, inside })),
    attach(connect) {
      wayIn = createWayIn(connect, options.silenceMs)
      attached.resolve(wayIn)
    },
    async close() {
      if (!isClosed) {
        isClosed = true
        attached.reject(new GloveboxError('CHANNEL_LOST', 'the sandbox has ended'))
        for (const end of visits.values()) end('sandbox-ended')
        wayIn?.close()
      }
      await stopListening()
    },
  }

  function take(socket: Socket, { address, port, inside }: ListeningPort): void {
    // It is destroyed, and `close` follows; who carries its bytes is told of both.
    socket.on('error', () => undefined)
    const { remoteAddress, remotePort } = socket
    // It has gone already.
    if (isClosed || remoteAddress === undefined || remotePort === undefined) return resetSocket(socket)
    const visit = { peer: { address: remoteAddress, port: remotePort }, host: { address, port }, port: inside }
    if (visits.size >= maxVisits) {
      book.refuse(visit, `${maxVisits} connections are open already`)
      resetSocket(socket)
      return
    }
    const stay = book.open(visit)
    if (stay === undefined) resetSocket(socket)
    else void serve(socket, inside, stay)
  }

  async function serve(socket: Socket, port: number, stay: Stay): Promise<void> {
    const count: Carried = { sent: 0, received: 0 }
    visits.set(socket, (reason) => {
      stay.close({ ...count, reason })
      resetSocket(socket)
    })
    try {
      const visited = await (await attached.promise).open(port).catch((error: unknown) => {
        stay.fail(messageOf(error))
        throw error
      })
      await carry(socket, visited, count)
      stay.close({ ...count, reason: 'end' })
    } catch (error) {
      // What happened is in the record; the one that connected sees a reset, as it would of a program that died.
      const isPeers = socket.destroyed || socket.errored !== null
      // The inside's answer begins before it knows whether somebody listens.
      if (!isPeers && count.sent === 0 && statusOf(error) !== undefined) stay.fail(messageOf(error))
      stay.close({ ...count, reason: isPeers ? 'reset' : 'lost' })
      resetSocket(socket)
    } finally {
      visits.delete(socket)
    }
  }
}
