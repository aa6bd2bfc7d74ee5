import type { Socket } from 'node:net'
import { maxLineBytes } from './line.ts'

const newline = 10

/** The first line of a socket; what follows stays in it. One that is too long, or does not come, ends the socket. */
export function takeLine(socket: Socket, onLine: (line: string) => void): void {
  let held = Buffer.alloc(0)
  const onReadable = (): void => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
      held = Buffer.concat([held, chunk])
      const at = held.indexOf(newline)
      if (at >= 0) {
        socket.off('readable', onReadable)
        socket.off('end', onEnd)
        if (at + 1 < held.length) socket.unshift(held.subarray(at + 1))
        return onLine(held.toString('utf8', 0, at))
      }
      if (held.length > maxLineBytes) return void socket.destroy()
    }
  }
  const onEnd = (): void => void socket.destroy()
  socket.on('readable', onReadable)
  socket.on('end', onEnd)
}

/** All further lines. */
export function takeLines(socket: Socket, onLine: (line: string) => void): void {
  let parts: Buffer[] = []
  let held = 0
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk
    for (let at = rest.indexOf(newline); at >= 0 && !socket.destroyed; at = rest.indexOf(newline)) {
      const end = rest.subarray(0, at)
      onLine((parts.length === 0 ? end : Buffer.concat([...parts, end])).toString('utf8'))
      parts = []
      held = 0
      rest = rest.subarray(at + 1)
    }
    held += rest.length
    if (held > maxLineBytes) return void socket.destroy()
    if (rest.length > 0) parts.push(rest)
  })
  socket.on('end', () => socket.destroy())
}
