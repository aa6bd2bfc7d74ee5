import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/**
 * Our stdin and stdout as one stream, read and written without blocking; undefined where they are no pipes. Node writes to
 * pipes synchronously where it is not told otherwise, and a reader that pauses would hold up the whole process.
 */
export function standardDuplex(): Duplex | undefined {
  const kinds = [0, 1].map((fd) => fstatSync(fd))
  if (!kinds.every((kind) => kind.isFIFO() || kind.isSocket())) return undefined
  const [input, output] = kinds
  // One socket on both, as sshd's own clients hand over: it is opened once.
  if (input?.isSocket() === true && input.ino === output?.ino) return new Socket({ fd: 0 })
  const readable = new Socket({ fd: 0, readable: true, writable: false })
  const writable = new Socket({ fd: 1, readable: false, writable: true })
  const stream = Duplex.from({ readable, writable })
  stream.once('close', () => {
    readable.destroy()
    writable.destroy()
  })
  return stream
}
