import type { Duplex } from 'node:stream'
import { lost } from '../../inside/failure.ts'
import type { Bytes } from '../../protocol/inside/v1.ts'
import type { Call } from './way-in.ts'

/** The field `data` of ConnectInput. */
const dataField = 2

export interface Carried {
  /** By the sandbox, and to it. */
  sent: number
  received: number
}

/**
 * Moves bytes both ways until both have said their last; the end of either is told to the other. Nothing is read that the
 * other side has not taken: what is held is one piece each way, besides what sockets and windows hold.
 * @throws what ended it before: the caller resets the socket
 */
export async function carry(
  socket: Duplex,
  { call, messages }: { readonly call: Call; readonly messages: AsyncIterable<Bytes> },
  count: Carried,
): Promise<void> {
  const gone = new Promise<never>((_, reject) => {
    socket.once('error', reject)
    socket.once('close', () => {
      // Both have said their last. The inside may still be taking it: the call's end tells.
      const isWhole = socket.readableEnded && socket.writableFinished
      if (!isWhole) reject(new Error('the connection was closed'))
    })
    if (socket.destroyed) reject(new Error('it was closed already'))
  })
  gone.catch(() => undefined) // raced below
  feed(socket, call, count)
  try {
    await Promise.race([tell(socket, messages, count), gone])
  } finally {
    call.cancel()
  }
}

function feed(socket: Duplex, call: Call, count: Carried): void {
  socket.on('data', (chunk: Buffer) => {
    socket.pause()
    count.received += chunk.length
    // When the call has ended, who reads it is told why.
    call.sendBytes(dataField, chunk).then(
      () => socket.resume(),
      () => undefined,
    )
  })
  socket.once('end', () => call.end())
  socket.resume()
}

/** An empty message says that the inside has said its last; the call itself ends when we have, too. */
async function tell(socket: Duplex, messages: AsyncIterable<Bytes>, count: Carried): Promise<void> {
  let isSilent = false
  for await (const { data } of messages) {
    if (isSilent) throw lost('it says more on a connection that it has ended')
    if (data.length === 0) {
      isSilent = true
      socket.end()
      continue
    }
    count.sent += data.length
    if (!socket.write(data)) await drained(socket)
  }
  await new Promise<void>((resolve) => socket.end(() => resolve()))
  // Nobody is there any more for what it may still say.
  socket.destroy()
}

/** Settles when there is room again, or when there will never be. */
async function drained(socket: Duplex): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}
