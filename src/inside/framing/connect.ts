import { randomBytes } from 'node:crypto'
import { Duplex } from 'node:stream'
import { patience, type Waited } from '../../system/patience.ts'
import { lost } from '../failure.ts'
import { hostSession, type HostEvent } from './host.ts'

export interface FramedConnection {
  /** Carries the bytes of this session and of no other. */
  readonly stream: Duplex
  readonly generation: bigint
  /** 16 bytes. */
  readonly instance: Buffer
}

export interface FramedTiming {
  readonly againMs: number
  readonly patienceMs: number
  /** How long the other end was kept from its processor: that much longer is waited. */
  readonly waited?: Waited
  /** Nobody has written to this transport yet: there is no frame of an earlier host's to be completed. */
  readonly isFresh?: boolean
}

/** How often the inside is asked, and how long in all (docs/channel.md). */
const timing = { againMs: 100, patienceMs: 5000 } as const

/**
 * A connection over a transport that knows none, a virtio-serial port for instance. Whatever an earlier one has left in it
 * is dropped. The transport stays open when the connection ends: it belongs to the caller.
 * @throws GloveboxError CHANNEL_LOST when nobody answers
 */
export async function connectFramed(
  transport: Duplex,
  { againMs, patienceMs, waited, isFresh = false }: FramedTiming = timing,
): Promise<FramedConnection> {
  const session = hostSession(randomBytes(16))
  const welcome = Promise.withResolvers<Extract<HostEvent, { readonly event: 'welcome' }>>()
  const stream = new Duplex({
    read: () => void transport.resume(),
    write(chunk: Buffer, _encoding, done) {
      let room = true
      for (const frame of session.data(chunk)) room = transport.write(frame)
      if (room) done()
      else afterDrain(transport, done)
    },
    final(done) {
      transport.write(session.bye())
      done()
    },
    destroy(error, done) {
      transport.off('data', take)
      transport.off('close', gone)
      transport.off('error', gone)
      done(error)
    },
  })
  const take = (chunk: Buffer): void => {
    for (const event of session.take(chunk)) {
      if (event.event === 'welcome') welcome.resolve(event)
      else if (event.event === 'data') {
        if (!stream.push(event.bytes)) transport.pause()
      } else if (event.lost) {
        transport.write(session.bye())
        stream.destroy(lost('bytes between the sandbox and us were lost'))
      } else stream.push(null)
    }
  }
  const gone = (): void => {
    const error = lost('the transport to the sandbox is closed')
    welcome.reject(error)
    stream.destroy(error)
  }
  transport.on('data', take)
  transport.on('close', gone)
  transport.on('error', gone)
  // Whoever made it may have paused it, so that nothing is lost until here.
  transport.resume()
  // Told to whoever awaits the welcome as well.
  stream.on('error', () => undefined)
  transport.write(isFresh ? session.hello() : session.opening())
  const again = setInterval(() => transport.write(session.hello()), againMs)
  const settle = patience(patienceMs, () => welcome.reject(lost('nobody answers behind the transport')), waited)
  try {
    const { generation, instance } = await welcome.promise
    return { stream, generation, instance }
  } catch (error) {
    stream.destroy()
    throw error
  } finally {
    clearInterval(again)
    settle()
  }
}

/** Done when there is room, or when there will never be. */
function afterDrain(transport: Duplex, done: () => void): void {
  const settle = (): void => {
    transport.off('drain', settle)
    transport.off('close', settle)
    done()
  }
  transport.on('drain', settle)
  transport.on('close', settle)
}
