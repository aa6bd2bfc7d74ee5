import type { Duplex } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { withSilence, type Caps } from '../../../inside/caps.ts'
import { openInside, type Inside } from '../../../inside/client.ts'
import { lost } from '../../../inside/failure.ts'
import { connectFramed, type FramedConnection, type FramedTiming as Patience } from '../../../inside/framing/connect.ts'
import { GloveboxError } from '../../../errors.ts'
import { waitedBy } from '../../../system/patience.ts'
import { readAhead } from '../../../system/read-ahead.ts'
import { endAfter } from './end-after.ts'
import { guestSilenceMs } from './guest-silence.ts'
import type { Machine } from './machine.ts'

/**
 * All calls of a guest are on one connection, and its processors are shared with the host's other work: what would be silence of
 * a process beside us is a busy moment here. Time in which it had no processor comes on top of all of these.
 */
export const guestCaps: Caps = withSilence(guestSilenceMs)

/** Above the window that an honest inside gives for a connection (docs/channel.md, "What is capped"). */
const maxWaiting = 12 * 1024 ** 2

/** A clone answers in milliseconds; on a host that swaps it takes seconds. */
export const clonePatience: Patience = { againMs: 100, patienceMs: 20_000, isFresh: true }
/** Booting under emulation on a busy host. */
export const bootPatience: Patience = { againMs: 100, patienceMs: 120_000, isFresh: true }

/**
 * Connects to the inside that is the guest's init. One that was connected before loses that connection.
 * @throws GloveboxError NOT_STARTED with the machine's last words when it ends before it answers, CHANNEL_LOST when nobody does
 */
export async function enterGuest(machine: Machine, patience: Patience): Promise<Inside> {
  const { ended } = machine
  const waited = waitedBy(machine.pid)
  const stopped = new AbortController()
  void ended.then(() => stopped.abort())
  try {
    const { stream } = await unless(stopped.signal, connectPatiently(machine, { ...patience, waited }, stopped.signal))
    const caps = { ...guestCaps, waited }
    return await unless(stopped.signal, openInside(readAhead(stream, maxWaiting), caps))
  } catch (error) {
    throw await lastWordsOf(machine, error)
  }
}

async function lastWordsOf(machine: Machine, error: unknown): Promise<unknown> {
  const { asked, lastWords } = await endAfter(machine, error)
  if (lastWords === '') return error
  return new GloveboxError('NOT_STARTED', `the virtual machine ended before it answered: ${lastWords}`, {
    cause: error,
    fix: asked ? undefined : 'glovebox doctor says whether this host can run one',
  })
}

/**
 * Waits for the first word of the inside: a machine that came so far runs, however slowly, and is asked nothing.
 * @throws as `enterGuest`
 */
export async function hearGuest(machine: Machine, patience: Patience): Promise<void> {
  const stopped = new AbortController()
  void machine.ended.then(() => stopped.abort())
  try {
    const { stream } = await unless(stopped.signal, connectPatiently(machine, patience, stopped.signal))
    stream.destroy()
  } catch (error) {
    throw await lastWordsOf(machine, error)
  }
}

/**
 * Over a transport that may be none: nobody may listen in the guest yet, and a connection breaks off that a guest had taken for
 * one of its template's.
 */
async function connectPatiently(
  machine: Pick<Machine, 'connect'>,
  patience: Patience,
  stopped: AbortSignal,
): Promise<FramedConnection> {
  const until = performance.now() + patience.patienceMs
  for (;;) {
    let transport: Duplex | undefined
    try {
      transport = await machine.connect()
      return await connectFramed(transport, { ...patience, patienceMs: Math.max(1, until - performance.now()) })
    } catch (error) {
      // One that is there, and over which nobody answers, is not better the second time.
      const isOver = transport !== undefined && !transport.destroyed
      if (isOver || stopped.aborted || performance.now() >= until) throw error
    }
    await setTimeout(patience.againMs / 10)
  }
}

/** The machine's end, where nothing is to be waited for any more. */
async function unless<T>(stopped: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => undefined) // thrown here, or the machine's end is
  const end = new Promise<never>((_, reject) => {
    const stop = (): void => reject(lost('the virtual machine has ended'))
    if (stopped.aborted) stop()
    else stopped.addEventListener('abort', stop, { once: true })
  })
  return Promise.race([work, end])
}
