import type { Readable, Writable } from 'node:stream'
import { messageOf } from '../errors.ts'
import type { Direction } from '../protocol/facts.ts'
import { whileTaken, type WhileTaken } from '../system/while-taken.ts'
import type { Side } from './answers.ts'
import type { AskChannel } from './ask-desk.ts'
import type { Guard } from './guard.ts'
import type { Id } from './ids.ts'
import type { Output } from './outputs.ts'

export interface PipeStreams {
  /** What the client writes, and where it reads. */
  readonly clientIn: Readable
  readonly clientOut: Writable
  /** Where the server reads, and what it writes. */
  readonly serverIn: Writable
  readonly serverOut: Readable
  /** How the client is waited for, where it reads behind more than `clientOut`. */
  readonly whileTaken?: WhileTaken | undefined
}

/** Which side ended the conversation, and what its stream said when it did not just come to an end. */
export interface PipeEnd {
  readonly side: Side
  readonly error: Error | undefined
}

export interface GuardPipe {
  /**
   * Settles once: one side's stream came to an end, or takes nothing more. The other still has its say. Rejects when
   * the guard cannot go on, because nothing can be recorded: then every request that waits has been answered with the
   * reason, and what is read from then on is thrown away.
   */
  readonly ended: Promise<PipeEnd>
  /** Puts a question to the person at the client, and waits for so long. */
  readonly ask: AskChannel['put']
  /** The server's output has come to its end and was handed on. */
  readonly serverEnded: Promise<void>
  /** Settles when the client waits for no answer, or the server's output has come to its end: there will be none. */
  answered(): Promise<void>
  /** Waits for something as long as the client reads what it has been sent. */
  readonly whileTaken: WhileTaken
  /**
   * Answers what the server left unanswered, with the reason. Settles when the client has it or is gone, or has read nothing for
   * `graceMs`.
   */
  serverGone(reason: string, graceMs?: number): Promise<void>
}

/**
 * Lets two sides talk through a guard. A side is read only while all that its last bytes led to could be written, so a
 * stalled reader stalls its writer, as a plain pipe does, and memory does not grow.
 */
export function attachGuard(guard: Guard, streams: PipeStreams): GuardPipe {
  const { clientIn, clientOut, serverIn, serverOut } = streams
  const whileClientTakes = streams.whileTaken ?? whileTaken(clientOut)
  const sinks: Record<Side, Writable> = { client: clientOut, server: serverIn }
  const ended = Promise.withResolvers<PipeEnd>()
  const serverEnded = Promise.withResolvers<void>()
  let answered: PromiseWithResolvers<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let failed = false

  watch(clientOut, 'client')
  watch(serverIn, 'server')
  pump(clientIn, 'client-to-server', () => serverIn.end())
  pump(serverOut, 'server-to-client', () => {
    clearTimeout(timer)
    serverEnded.resolve()
  })

  return {
    ended: ended.promise,
    serverEnded: serverEnded.promise,
    async answered() {
      if (!guard.isAwaited()) return
      answered ??= Promise.withResolvers<void>()
      await Promise.race([answered.promise, serverEnded.promise])
    },
    whileTaken: whileClientTakes,
    ask: async (question, timeMs) =>
      new Promise((resolve) => {
        let id: Id | undefined
        const over = (found: Awaited<ReturnType<AskChannel['put']>>): void => {
          clearTimeout(patience)
          resolve(found)
        }
        const patience = setTimeout(() => {
          run(() => (id === undefined ? [] : guard.withdraw(id, 'Nobody answered in time.')))
          over({ how: 'time' })
        }, timeMs)
        run(() => {
          const asked = guard.ask(question, (choice) => over({ choice }))
          id = asked.id
          return asked.outputs
        })
        void ended.promise.then(
          () => over({ how: 'client' }),
          () => over({ how: 'client' }),
        )
      }),
    async serverGone(reason, graceMs = 2000) {
      clearTimeout(timer)
      deliver(guard.serverGone(reason))
      await whileClientTakes(flushed(clientOut), graceMs)
    },
  }

  function watch(sink: Writable, side: Side): void {
    // EPIPE and the like: nobody reads there any more.
    sink.on('error', (error) => ended.resolve({ side, error }))
    sink.on('close', () => ended.resolve({ side, error: undefined }))
  }

  function pump(source: Readable, direction: Direction, onEnd: () => void): void {
    const side = direction === 'client-to-server' ? 'client' : 'server'
    source.on('data', (chunk: Buffer) => {
      const blocked = run(() => guard.receive(direction, chunk))
      const pauseMs = guard.pauseMs(direction)
      if (blocked.length === 0 && pauseMs === 0) return
      source.pause()
      void resume(source, blocked, pauseMs)
    })
    source.once('end', () => {
      run(() => guard.end(direction))
      finish(undefined)
    })
    source.on('error', finish)
    // Destroyed before its end.
    source.once('close', () => finish(undefined))

    function finish(error: Error | undefined): void {
      onEnd()
      ended.resolve({ side, error })
    }
  }

  /** What the guard hands out is written; what it throws is the end. Says who takes nothing more for now. */
  function run(step: () => readonly Output[]): Writable[] {
    if (failed) return []
    try {
      const blocked = deliver(step())
      watchDeadline()
      if (answered !== undefined && !guard.isAwaited()) answered.resolve()
      return blocked
    } catch (error) {
      failed = true
      clearTimeout(timer)
      // The message that could not be recorded is among those that get no answer: its sender is told why.
      deliver(guard.serverGone(messageOf(error)))
      ended.reject(error)
      return []
    }
  }

  function deliver(outputs: readonly Output[]): Writable[] {
    const blocked: Writable[] = []
    for (const { to, bytes } of outputs) {
      const sink = sinks[to]
      // A side that is gone misses nothing: `ended` has told the caller, who ends the rest.
      if (sink.writable && !sink.write(bytes) && !blocked.includes(sink)) blocked.push(sink)
    }
    return blocked
  }

  function watchDeadline(): void {
    if (timer !== undefined) return
    const ms = guard.msToDeadline()
    if (ms === undefined) return
    timer = setTimeout(() => {
      timer = undefined
      run(() => guard.expire())
    }, Math.ceil(ms))
  }
}

/** Reads on when every sink takes more, or never will, and the pause is over. */
async function resume(source: Readable, blocked: readonly Writable[], pauseMs: number): Promise<void> {
  await Promise.all(blocked.map(async (sink) => firstOf(sink, ['drain', 'error', 'close'])))
  if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  source.resume()
}

/** Settles when everything written so far has left, or cannot leave. */
async function flushed(sink: Writable): Promise<void> {
  if (!sink.writable) return
  const { promise, resolve } = Promise.withResolvers<void>()
  sink.write('', () => resolve())
  await Promise.race([promise, firstOf(sink, ['close'])])
}

function firstOf(sink: Writable, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) sink.off(event, done)
      resolve()
    }
    for (const event of events) sink.on(event, done)
  })
}
