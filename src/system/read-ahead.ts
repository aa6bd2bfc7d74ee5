import { Duplex } from 'node:stream'

/**
 * A socket for HTTP/2 whose writes are done when they are queued, as long as less than `maxBytes` wait.
 *
 * Node's HTTP/2 does not read while a write of its own is under way. A peer that for its part does not read while it cannot
 * write then waits for us as we wait for it, with both socket buffers full: seen with 100 MB through a program both ways.
 * What can wait here is bounded by the windows that the peer gave us (RFC 9113, 5.2), and for one that gives too much by
 * `maxBytes`, which has to be above what an honest peer gives.
 */
export function readAhead(socket: Duplex, maxBytes: number): Duplex {
  let waiting: (() => void) | undefined
  const room = (): void => {
    if (waiting === undefined || socket.writableLength >= maxBytes) return
    const done = waiting
    waiting = undefined
    done()
  }
  const put = (chunk: Buffer, done: (error?: Error | null) => void): void => {
    socket.write(chunk, room)
    if (socket.writableLength < maxBytes) done()
    else waiting = done
  }
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => put(chunk, done),
    writev: (chunks, done) => put(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), done),
    final(done) {
      socket.end()
      done()
    },
    destroy(error, done) {
      socket.destroy()
      done(error)
    },
  })
  socket.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) socket.pause()
  })
  socket.once('end', () => stream.push(null))
  socket.once('error', (error: Error) => stream.destroy(error))
  socket.once('close', () => stream.destroy())
  return stream
}
