import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'

/** Where the program's output goes: one of our own streams. */
export interface Sink {
  /** Settles when there is room for more. False: whoever read it has gone. */
  write(bytes: Uint8Array): Promise<boolean>
  /** Settles when everything has been handed to the system. */
  finish(): Promise<void>
}

/**
 * Our stdout or stderr, waited for without blocking: Node writes to pipes synchronously, and a reader that pauses would
 * hold up the whole process, with the sign of life that the sandbox waits for.
 */
export function sinkTo(fd: 1 | 2): Sink {
  const stat = fstatSync(fd)
  const canWait = stat.isFIFO() || stat.isSocket()
  const own = fd === 1 ? process.stdout : process.stderr
  const stream: Writable = canWait ? new Socket({ fd, readable: false, writable: true }) : own
  let gone = false
  // EPIPE: told by what `write` gives; any other failure of our own output ends us in the same way.
  stream.on('error', () => (gone = true))
  return {
    async write(bytes) {
      if (gone) return false
      if (!stream.write(bytes)) await roomOrEnd(stream)
      return !gone
    },
    async finish() {
      if (gone) return
      // Behind everything that was written; "drain" comes only where there was no room.
      await new Promise<void>((resolve) => {
        stream.once('close', resolve)
        stream.write('', () => resolve())
      })
    },
  }
}

function roomOrEnd(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done)
      stream.off('close', done)
      stream.off('error', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('close', done)
    stream.on('error', done)
  })
}
