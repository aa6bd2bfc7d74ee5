import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { getSystemErrorMap } from 'node:util'
import type { Connect, Ended, Incoming, Judge, Judgement } from '../incoming.ts'
import type { Refusal } from '../record/book.ts'
import { reasonOf } from './cut.ts'
import { dial, join, resetConnection, type DialOptions } from './dial.ts'

export interface StreamIncomingOptions {
  /** What the program connected to, or asked a proxy for. */
  readonly address: string
  readonly port: number
  readonly dial: DialOptions
  /** What a proxy's client is told; undefined: nothing is. Each is called once, before any byte is moved. */
  readonly reply: Reply | undefined
}

export interface Reply {
  ready(): void
  /** Ends the stream too. */
  refused(why: Refusal): void
}

/** A connection whose bytes are here already: of a tunnel that a proxy was asked for, or of a guest. */
export function createStreamIncoming(stream: Duplex, options: StreamIncomingOptions): Incoming {
  const { address, port, reply } = options
  let answered = reply === undefined
  const ready = (): void => {
    if (!answered) reply?.ready()
    answered = true
  }
  stream.on('error', () => stream.destroy())
  return {
    address,
    port,
    dials: true,
    closed: new Promise((resolve) => stream.once('close', () => resolve())),
    async connect(to) {
      const dialing = to.dial?.() ?? dial(to.addresses, to.port, options.dial)
      const outside = await dialing.catch((error: unknown) => errnoOf(error))
      if (typeof outside === 'number') return { how: 'failed', errno: outside }
      if (stream.destroyed) {
        resetConnection(outside)
        return { how: 'closed', sent: 0, received: 0, reason: 'reset' }
      }
      to.onConnected(outside.remoteAddress ?? '')
      ready()
      return carry(stream, outside, to)
    },
    async hand() {
      ready()
      return stream
    },
    refuse(why) {
      if (answered || why === undefined) stream.destroy()
      else reply?.refused(why)
      answered = true
    },
  }
}

async function carry(inside: Duplex, outside: Socket, { judge }: Connect): Promise<Ended> {
  outside.on('error', () => outside.destroy())
  let idle = false
  outside.once('timeout', () => (idle = true))
  if (judge !== undefined) {
    // A server may speak first. What it says is for the program whatever comes of the program's own words.
    outside.pipe(inside)
    const { judgement, first } = await peek(inside, judge, outside)
    if (judgement === 'pass') {
      if (first.length > 0) outside.write(first)
    } else {
      outside.unpipe(inside)
      if (judgement === 'more') resetConnection(outside)
      else outside.destroy()
      if (judgement === 'hand') return { how: 'handed', stream: inside }
      if (judgement === 'refuse') return { how: 'refused' }
      inside.destroy()
      const reason = idle ? 'idle' : reasonOf(inside.errored)
      return { how: 'closed', sent: outside.bytesWritten, received: outside.bytesRead, reason }
    }
  }
  const how = await join(inside, outside, judge !== undefined)
  return { how: 'closed', sent: outside.bytesWritten, received: outside.bytesRead, reason: idle ? 'idle' : how }
}

/** Reads the program's first bytes until they are judged. `more`: the connection was cut before; `hand`: they are in the stream again. */
async function peek(
  inside: Duplex,
  judge: Judge,
  outside: Socket,
): Promise<{ readonly judgement: Judgement; readonly first: Buffer }> {
  let first = Buffer.alloc(0)
  return new Promise((resolve) => {
    const settle = (judgement: Judgement): void => {
      inside.off('readable', onReadable).off('end', onEnd).off('close', onClose)
      outside.off('close', onClose)
      // At once: an end that has come too is told in this turn of the loop, and nothing can be put in front of it then.
      if (judgement === 'hand' && first.length > 0 && !inside.destroyed) inside.unshift(first)
      resolve({ judgement, first })
    }
    const ask = (end: boolean): void => {
      const judgement = judge(first, end)
      if (judgement !== 'more') settle(judgement)
    }
    const onReadable = (): void => {
      const chunk = inside.read() as Buffer | null
      if (chunk === null) return
      first = Buffer.concat([first, chunk])
      ask(false)
    }
    const onEnd = (): void => ask(true)
    const onClose = (): void => settle('more')
    inside.on('readable', onReadable).on('end', onEnd).on('close', onClose)
    outside.on('close', onClose)
    // What happened while it was connected is not told again.
    if (inside.destroyed || outside.destroyed) onClose()
    else if (inside.readableEnded) onEnd()
  })
}

/** Linux's EIO, for what has no number. */
const unknownErrno = 5

function errnoOf(error: unknown): number {
  const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : Number.NaN
  if (Number.isInteger(errno) && errno < 0) return -errno
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  for (const [number, [name]] of getSystemErrorMap()) if (name === code) return -number
  return unknownErrno
}
