import { GloveboxError } from '../errors.ts'
import { grpcStatus } from '../protocol/inside/grpc.ts'
import {
  execCalls,
  type ExecEnded,
  type ExecInput,
  type ExecOutput,
  type ExecStart,
  type TerminalSize,
} from '../protocol/inside/v1.ts'
import type { Connection } from './connection.ts'
import { lost, statusOf } from './failure.ts'
import type { CallStream } from './stream.ts'

/** A further program in a running sandbox. */
export interface Program {
  /** As seen in the sandbox. */
  readonly pid: number
  /** Settles when there is room for more. */
  write(bytes: Uint8Array): Promise<void>
  /** Nothing more comes on its stdin. */
  endInput(): Promise<void>
  signal(number: number): Promise<void>
  resize(size: TerminalSize): Promise<void>
  /** How it ended, once all its output has been taken. @throws GloveboxError when the sandbox is lost before */
  readonly ended: Promise<ExecEnded>
  /** Kills it with its group. Idempotent. */
  kill(): void
}

/** Takes output in its order; the next comes when it settles, so a reader that waits makes the program wait. */
export type OnOutput = (stream: 'stdout' | 'stderr', bytes: Uint8Array) => Promise<void> | void

/** The field `stdin` of ExecInput. */
const stdinField = 2

/**
 * Starts a program under the very policy of the sandbox's first one.
 * @throws GloveboxError NOT_FOUND and NOT_EXECUTABLE for what the kernel does not execute, and whatever ends the call
 */
export async function startProgram(connection: Connection, start: ExecStart, onOutput: OnOutput): Promise<Program> {
  const stream = connection.open(execCalls.exec)
  const started = Promise.withResolvers<number>()
  const ended = follow(stream, (pid) => started.resolve(pid), onOutput)
  ended.catch((error: unknown) => started.reject(error as Error))
  send({ case: 'start', value: start }).catch(() => undefined) // `ended` tells why
  const pid = await started.promise

  async function send(input: NonNullable<ExecInput['input']>): Promise<void> {
    await stream.send({ input })
  }
  return {
    pid,
    write: async (bytes) => stream.sendBytes(stdinField, bytes),
    endInput: async () => send({ case: 'stdinEnd', value: {} }),
    // A call of its own: in the stream of input it would wait behind what the program does not read.
    async signal(number) {
      await connection.unary(execCalls.signal, { pid, signal: number }).catch(passOver)
    },
    resize: async (value) => send({ case: 'resize', value }),
    ended,
    kill: () => stream.cancel(),
  }
}

/** It has ended meanwhile: that is what a signal is for. */
function passOver(error: unknown): void {
  if (statusOf(error) !== grpcStatus.notFound) throw error
}

/** The order is part of the contract: `started` once and first, then output, `ended` once and last. */
async function follow(
  stream: CallStream<ExecInput, ExecOutput>,
  onStarted: (pid: number) => void,
  onOutput: OnOutput,
): Promise<ExecEnded> {
  let running = false
  let end: ExecEnded | undefined
  try {
    for await (const { output } of stream.messages) {
      if (output === undefined) continue // of a later version
      if (end !== undefined) throw lost('it says more about a program that has ended')
      if (output.case === 'started') {
        if (running) throw lost('it started one program twice')
        running = true
        onStarted(output.value.pid)
      } else if (output.case === 'ended') {
        end = checked(output.value, running)
        // It has ended: what is still on its way to its stdin is nobody's.
        stream.end()
      } else if (running) await onOutput(output.case, output.value)
      else throw lost('output of a program that was not started')
    }
  } catch (error) {
    stream.cancel()
    throw error
  }
  if (end === undefined) throw lost('it did not say how the program ended')
  return end
}

/** @throws GloveboxError for a program that was not executed, or an end that is none */
function checked(end: ExecEnded, running: boolean): ExecEnded {
  const { how } = end
  if (how?.case === 'notExecuted') throw notExecuted(how.value)
  const sound = running && how !== undefined && how.value >= 0 && how.value <= (how.case === 'code' ? 255 : 64)
  if (!sound) throw lost('an end of a program that cannot be')
  return end
}

const enoent = 2

function notExecuted(errno: number): GloveboxError {
  if (errno === enoent) {
    return new GloveboxError('NOT_FOUND', 'the sandbox has no such program', {
      fix: 'name one that its policy shows to it; glovebox shell looks around',
    })
  }
  return new GloveboxError('NOT_EXECUTABLE', `the sandbox cannot execute it (errno ${errno})`, {
    fix: 'is it executable, and on the list of programs of the policy?',
  })
}
