import { PassThrough, Writable, type Readable } from 'node:stream'
import { messageOf } from '../../errors.ts'
import { createApartRouter, type CallNumber, type Step } from '../../guard/apart.ts'
import { graceMs, type Attended, type Client } from '../attended.ts'
import type { WhileTaken } from '../../system/while-taken.ts'
import { isUnsynced } from '../../protocol/workspace.ts'
import { createSlots } from './slots.ts'

/** How many calls run in sandboxes of their own at a time; the next wait for one of them. */
const atOnce = 8

export type StartCall = (tool: string, client: Client, signal: AbortSignal) => Promise<Attended>

/** Servers in several sandboxes, as one to the guard before the client. */
export interface Fan {
  readonly server: { readonly serverIn: Writable; readonly serverOut: Readable }
  /** Where the sandbox is attached that all share. */
  readonly shared: Client
  /** Waits for calls so long, then ends those that are left: nothing of them is there afterwards. No other is started. */
  finish(waitMs: number): Promise<void>
  /** Nothing more comes: the client may be told so. */
  end(): void
  /** Whether something that a call did to a copied workspace could not be taken over. */
  unsynced(): boolean
}

interface Running {
  readonly input: PassThrough
  /** What it is wanted for is over, or given up. */
  readonly unwanted: AbortController
  /** Settles when nothing of it is left. */
  readonly gone: Promise<void>
  attended: Attended | undefined
}

export interface FanOptions {
  readonly isApart: (tool: string) => boolean
  readonly start: StartCall
  /** How the client is waited for. */
  readonly whileTaken: WhileTaken
}

export function createFan(options: FanOptions): Fan {
  const { whileTaken } = options
  const router = createApartRouter(options.isApart)
  const running = new Map<CallNumber, Running>()
  const ending = new Set<Promise<void>>()
  const slots = createSlots(atOnce)
  const toShared = new PassThrough()
  const toClient = new PassThrough()
  const putClient = inTurn(toClient)
  const putShared = inTurn(toShared)
  let isClosed = false
  let hasUnsynced = false

  const serverIn = lines(async (line) => take(router.fromClient(line)))

  async function take(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if ('open' in step) open(step.open, step.tool)
      else if ('over' in step) keep(over(step.over, step.answer))
      else if (step.to === 'client') await putClient(step.bytes)
      else if (step.to === 'shared') await putShared(step.bytes)
      else running.get(step.to)?.input.write(step.bytes)
    }
  }

  /** An answer waits for the end of its sandbox, and nobody else waits for it. */
  function keep(work: Promise<void>): void {
    ending.add(work)
    void work.finally(() => ending.delete(work))
  }

  function open(call: CallNumber, tool: string): void {
    const unwanted = new AbortController()
    const input = new PassThrough()
    const gone = Promise.withResolvers<void>()
    const one: Running = { input, unwanted, gone: gone.promise, attended: undefined }
    running.set(call, one)
    void live(call, tool, one).finally(() => {
      running.delete(call)
      gone.resolve()
    })
  }

  /** From the wish for a sandbox until nothing of it is left. Never rejects. */
  async function live(call: CallNumber, tool: string, one: Running): Promise<void> {
    const { signal } = one.unwanted
    let why = 'its server ended'
    let leave: (() => void) | undefined
    try {
      leave = await slots.enter(signal)
      if (isClosed) throw new Error('the conversation is over')
      const clientOut = lines(async (line) => take(router.fromCall(call, line)))
      const streams = { clientIn: one.input, clientOut, whileTaken }
      const client = { streams, endInput: () => void one.input.end() }
      one.attended = await options.start(tool, client, signal)
      if (signal.aborted) void one.attended.discard()
      const end = await one.attended.ended
      hasUnsynced ||= isUnsynced(end.synced)
      why = end.why
    } catch (error) {
      why = messageOf(error)
    } finally {
      leave?.()
    }
    await take(router.lost(call, why))
  }

  async function over(call: CallNumber, answer: Buffer | undefined): Promise<void> {
    const one = running.get(call)
    if (one !== undefined) {
      // Who cancels gives the server the time to tidy up; who has the answer wants nothing more of it.
      if (one.attended === undefined) one.unwanted.abort(new Error('it was cancelled'))
      else await (answer === undefined ? one.attended.stop() : one.attended.discard())
      await one.gone
    }
    if (answer !== undefined) await putClient(answer)
  }

  return {
    server: { serverIn, serverOut: toClient },
    shared: {
      streams: {
        clientIn: toShared,
        clientOut: lines(async (line) => take(router.fromShared(line))),
        whileTaken,
      },
      endInput: () => void toShared.end(),
    },
    async finish(waitMs) {
      const all = Promise.all([...running.values()].map(async ({ gone }) => gone))
      if (waitMs > 0) await whileTaken(all, waitMs)
      isClosed = true
      await Promise.all(
        [...running.values()].map(async ({ unwanted, attended, gone }) => {
          unwanted.abort(new Error('the conversation is over'))
          await attended?.discard()
          await gone
        }),
      )
      // A client that reads nothing is not waited for.
      await whileTaken(Promise.all(ending), graceMs)
    },
    end: () => void toClient.end(),
    unsynced: () => hasUnsynced,
  }
}

/** Writes in turn: one writer waits for room, the others for it, however many there are. */
function inTurn(sink: Writable): (bytes: Buffer) => Promise<void> {
  let last = Promise.resolve()
  return async (bytes) => (last = last.then(async () => write(sink, bytes)))
}

async function write(sink: Writable, bytes: Buffer): Promise<void> {
  if (!sink.writable || sink.write(bytes)) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      for (const event of ['drain', 'close']) sink.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'close']) sink.on(event, done)
  })
}

/** Takes what a guard hands out, whole lines, and calls back with one at a time. */
function lines(take: (line: Buffer) => Promise<void>): Writable {
  return new Writable({ write: (chunk: Buffer, _encoding, done) => void pass(chunk, done) })

  async function pass(chunk: Buffer, done: (error?: Error) => void): Promise<void> {
    try {
      for (let from = 0; from < chunk.length;) {
        const at = chunk.indexOf(0x0a, from)
        const next = at === -1 ? chunk.length : at + 1
        await take(chunk.subarray(from, next))
        from = next
      }
      done()
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  }
}
