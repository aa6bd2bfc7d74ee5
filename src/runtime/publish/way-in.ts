import type { Duplex } from 'node:stream'
import { GloveboxError } from '../../errors.ts'
import { defaultCaps, withSilence, type Caps } from '../../inside/caps.ts'
import type { Inside } from '../../inside/client.ts'
import type { CallStream } from '../../inside/stream.ts'
import { portsCalls, type Bytes, type ConnectInput, type ConnectTarget } from '../../protocol/inside/v1.ts'
import { readAhead } from '../../system/read-ahead.ts'

/** A connection to something that listens inside. */
export type Call = CallStream<ConnectInput, Bytes>

/** Of a socket that listens inside. */
export interface UnixPath {
  readonly path: string
}

/** Leads into one sandbox, over connections to its inside that are made when they are needed, and again when they are lost. */
export interface WayIn {
  /** @throws GloveboxError when nothing listens there, or the inside is lost or silent */
  open(to: number | UnixPath): Promise<{ readonly call: Call; readonly messages: AsyncIterable<Bytes> }>
  close(): void
}

/**
 * What a visit may hold here is held for hundreds of them, for an inside that is hostile: a message of the inside's has at
 * most 256 KiB of data, and never more than its window.
 */
export const visitCaps: Caps = { ...defaultCaps, streamMessage: 257 * 1024, window: 128 * 1024 }

/** Above the 8 MiB that an honest inside takes unread (docs/channel.md, "What is capped"). */
const maxWaiting = 12 * 1024 ** 2

/** From the call to the inside's answer that it is connected. */
const answerMs = 10_000

/**
 * Eight calls whose bytes nobody reads hold up a connection, so there is another before that; the inside takes 16 in all,
 * and other commands need some.
 */
const callsBeforeNext = 7
const maxLanes = 4

interface Lane {
  readonly inside: Promise<Inside>
  calls: number
}

export function createWayIn(connect: () => Promise<Duplex>, silenceMs: number | undefined): WayIn {
  const lanes = new Set<Lane>()
  let isClosed = false

  function newLane(): Lane {
    const lane: Lane = { inside: openLane(connect, silenceMs), calls: 0 }
    lanes.add(lane)
    void watch(lane)
    return lane
  }

  async function watch(lane: Lane): Promise<void> {
    const inside = await lane.inside.catch(() => undefined) // told to who waits for it
    if (isClosed) inside?.close()
    await inside?.connection.closed
    lanes.delete(lane)
  }

  function freest(): Lane {
    const [first] = [...lanes].toSorted((a, b) => a.calls - b.calls)
    if (first === undefined || (first.calls >= callsBeforeNext && lanes.size < maxLanes)) return newLane()
    return first
  }

  return {
    async open(to) {
      if (isClosed) throw new GloveboxError('CHANNEL_LOST', 'the sandbox has ended')
      const lane = freest()
      lane.calls += 1
      let isOver = false
      const over = (): void => {
        if (!isOver) lane.calls -= 1
        isOver = true
      }
      try {
        const { connection } = await lane.inside
        const call = connection.open(portsCalls.connect)
        return { call, messages: await answered(call, to, over) }
      } catch (error) {
        over()
        throw error
      }
    },
    close() {
      isClosed = true
      for (const lane of lanes) void end(lane)
    },
  }
}

async function end({ inside }: Lane): Promise<void> {
  const opened = await inside.catch(() => undefined) // told to who waits for it
  opened?.close()
}

async function openLane(connect: () => Promise<Duplex>, silenceMs: number | undefined): Promise<Inside> {
  const [{ openInside }, duplex] = await Promise.all([import('../../inside/client.ts'), connect()])
  return openInside(readAhead(duplex, maxWaiting), withSilence(silenceMs, visitCaps))
}

/** What the call says, once it is connected. It is read from the first moment on: its end is only seen by who reads. */
async function answered(call: Call, to: number | UnixPath, over: () => void): Promise<AsyncIterable<Bytes>> {
  const late = new GloveboxError('TIMED_OUT', `nobody took the connection within ${answerMs} ms`)
  const timer = setTimeout(() => call.cancel(late), answerMs)
  const reading = call.messages[Symbol.asyncIterator]()
  const first = reading.next()
  first.catch(() => undefined) // thrown to who reads on
  try {
    call.send({ input: { case: 'target', value: { target: targetOf(to) } } }).catch(() => undefined) // `answered` tells why
    await call.answered
  } catch (error) {
    call.cancel()
    throw error
  } finally {
    clearTimeout(timer)
  }
  return rest(reading, first, over)
}

function targetOf(to: number | UnixPath): ConnectTarget['target'] {
  return typeof to === 'number' ? { case: 'tcpPort', value: to } : { case: 'unixPath', value: Buffer.from(to.path) }
}

async function* rest(
  reading: AsyncIterator<Bytes>,
  first: Promise<IteratorResult<Bytes>>,
  over: () => void,
): AsyncGenerator<Bytes> {
  try {
    for (let next = await first; next.done !== true; next = await reading.next()) yield next.value
  } finally {
    over()
    await reading.return?.()
  }
}
