import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { cut } from '../connect/cut.ts'
import type { Meter } from './meter.ts'

export interface CarriedOptions {
  readonly meter: Meter
  /** Over which nothing moves for so long is cut. */
  readonly idleMs: number
  /** Has the relay reset the program's connection. */
  readonly reset: () => void
  /** Calls back when the relay has nothing left of it. */
  readonly whenClosed: (act: () => void) => void
}

/** The relay closes what it is told to reset at once, or is not there any more. */
const resetMs = 1000

/**
 * The bytes of one program that the relay carries to us, held to the limits of its sandbox here: a relay in a guest is as
 * much believed as the guest. What is cut is reset for the program, before the end of its bytes could look like one that was meant.
 */
export function createCarried(socket: Socket, { meter, idleMs, reset, whenClosed }: CarriedOptions): Duplex {
  /** Of what came, the part that may not move yet. */
  let held: Buffer | undefined
  let ended = false

  function take(chunk: Buffer): void {
    if (held === undefined) return deliver(chunk)
    // A socket that was read line by line before flows once more after it was paused (readable.on('readable')).
    held = Buffer.concat([held, chunk])
    socket.pause()
  }

  function deliver(chunk: Buffer): void {
    const granted = meter.take(chunk.length)
    if (granted === 'never') return void stream.destroy(cut('limit'))
    const isWanted = granted === 0 || stream.push(granted === chunk.length ? chunk : chunk.subarray(0, granted))
    held = granted === chunk.length ? undefined : chunk.subarray(granted)
    if (held !== undefined || !isWanted) socket.pause()
    if (held === undefined) return
    meter.whenFilled(() => {
      if (stream.destroyed || held === undefined) return
      const next = held
      held = undefined
      deliver(next)
      if (held === undefined && ended) stream.push(null)
      else if (held === undefined && stream.readableLength < stream.readableHighWaterMark) socket.resume()
    })
  }

  function send(chunk: Buffer, done: (error?: Error | null) => void): void {
    const granted = meter.take(chunk.length)
    if (granted === 'never') return done(cut('limit'))
    if (granted === chunk.length) return void socket.write(chunk, done)
    if (granted > 0) socket.write(chunk.subarray(0, granted))
    meter.whenFilled(() => (stream.destroyed ? done(null) : send(chunk.subarray(granted), done)))
  }

  const stream = new Duplex({
    read: () => {
      if (held === undefined) socket.resume()
    },
    write: (chunk: Buffer, _encoding, done) => send(chunk, done),
    final: (done) => void socket.end(done),
    destroy: (error, done) => {
      const finish = (): void => {
        clearTimeout(timer)
        socket.destroy()
        done(error)
      }
      const timer = setTimeout(finish, resetMs)
      if (error === null && stream.writableFinished) return finish()
      socket.pause()
      reset()
      whenClosed(finish)
    },
  })
  socket.setTimeout(idleMs, () => stream.destroy(cut('idle')))
  socket.on('data', take)
  socket.once('end', () => {
    ended = true
    if (held === undefined) stream.push(null)
  })
  socket.once('close', () => stream.destroy())
  // What it was is told by 'close'.
  stream.on('error', () => undefined)
  socket.resume()
  return stream
}
