import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { messageOf } from '../../../errors.ts'
import { lost } from '../../../inside/failure.ts'

/** Where the guest's inside listens (native/inside/src/guest/vsock.rs). */
const guestPort = 1024

/** `OK 1073741824` */
const mostAnswerBytes = 32

/** Firecracker gives up on a guest that does not answer after 2 s; one that never takes our words must not hold us either. */
const answerMs = 5000

/**
 * A connection to the inside, over Firecracker's socket (docs/vsock.md there, "Host-Initiated Connections"): one line says which
 * port is meant, one line comes back, and all behind it is the guest's.
 * @throws GloveboxError CHANNEL_LOST where nobody listens in the guest, or no Firecracker here
 */
export async function connectToGuest(socketPath: string): Promise<Duplex> {
  const socket = connect(socketPath)
  try {
    await answered(socket)
    // Told by the end of the machine, or of the channel.
    socket.on('error', () => undefined)
    return socket
  } catch (error) {
    socket.destroy()
    throw lost(`no connection to the guest: ${messageOf(error)}`, error)
  }
}

async function answered(socket: Socket): Promise<void> {
  const done = Promise.withResolvers<void>()
  let heard = Buffer.alloc(0)
  const take = (chunk: Buffer): void => {
    heard = Buffer.concat([heard, chunk])
    const end = heard.indexOf(10)
    if (end < 0) {
      if (heard.length > mostAnswerBytes) done.reject(new Error('an answer that is none'))
      return
    }
    const line = heard.toString('latin1', 0, end)
    if (end > mostAnswerBytes || !/^OK \d+$/.test(line)) return done.reject(new Error('an answer that is none'))
    // Its reader has to find what follows: it is put back before anything else is read.
    socket.off('data', take)
    socket.pause()
    if (heard.length > end + 1) socket.unshift(heard.subarray(end + 1))
    done.resolve()
  }
  const closed = (): void => done.reject(new Error('nobody listens there'))
  socket.on('data', take)
  socket.once('error', done.reject)
  socket.once('close', closed)
  // In one piece, as Firecracker reads it.
  socket.once('connect', () => socket.write(`CONNECT ${guestPort}\n`))
  const late = setTimeout(() => done.reject(new Error(`no answer within ${answerMs} ms`)), answerMs)
  try {
    await done.promise
  } finally {
    clearTimeout(late)
    socket.off('error', done.reject)
    socket.off('close', closed)
    socket.off('data', take)
  }
}
