import { Writable, type Readable } from 'node:stream'
import { constants } from 'node:os'
import { GloveboxError, messageOf } from '../../../errors.ts'
import { lost } from '../../../inside/failure.ts'
import type { Inside } from '../../../inside/client.ts'
import type { JailPlan } from '../../../protocol/jail-plan.ts'
import {
  guestCalls,
  type GuestEnded,
  type GuestInput,
  type GuestOutput,
  type TerminalSize,
} from '../../../protocol/inside/v1.ts'
import type { CallStream } from '../../../inside/stream.ts'
import { inPatience, type Waited } from '../../../system/patience.ts'
import type { Launcher } from '../../launcher/follow.ts'
import { createOutlet, type Outlet } from './outlet.ts'

/** The launcher of a sandbox in a guest, as one of ours would be: its streams, and the two of its protocol. */
export interface GuestLauncher extends Launcher {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** One line to its plan descriptor. */
  command(line: string): void
  resize(size: TerminalSize): void
  /** Which is its stdin, stdout and stderr in one. */
  readonly hasTerminal: boolean
  /** Nobody reads it any more: for the program its pipe breaks. */
  closeOutput(which: 'stdout' | 'stderr'): void
  /** Nothing of it runs any more, and it stays in its guest, for `resumeInGuest` in a clone. @throws GloveboxError where it ended instead */
  keep(): Promise<void>
  /** Settles when the guest has taken the call. @throws GloveboxError */
  readonly answered: Promise<void>
  /** Its end is not waited for behind output that nobody reads. */
  hurry(): void
  /** Settles with the reason when it was lost, and with nothing when it ended. */
  readonly lost: Promise<GloveboxError | undefined>
}

type Input = NonNullable<GuestInput['input']>
type Call = CallStream<GuestInput, GuestOutput>

/** Field `stdin` of GuestInput. */
const stdinField = 3
/** As the inside sends it (docs/channel.md, "What is capped"). */
const pieceBytes = 256 * 1024

export function startInGuest(inside: Inside, plan: JailPlan, terminal: TerminalSize | undefined): GuestLauncher {
  const call = inside.connection.open(guestCalls.start)
  const value = { plan: Buffer.from(JSON.stringify(plan)), terminal }
  call.send({ input: { case: 'start', value } }).catch(() => undefined) // reading tells why
  return launcherOver(inside, { id: plan.id, hasTerminal: terminal !== undefined }, call)
}

/** The launcher that a template has kept, in a clone that has been made a machine of its own. */
export function resumeInGuest(inside: Inside, id: string): GuestLauncher {
  return launcherOver(inside, { id, hasTerminal: false }, inside.connection.open(guestCalls.resume))
}

/**
 * What a guest that lives has to say in a time. One that was taken over, or whose clock stands still, may say that it lives, and never
 * that; the launcher is given up then.
 * @throws GloveboxError CHANNEL_LOST, or what the work ends with
 */
export async function saidInTime<T>(
  work: Promise<T>,
  { kill }: Pick<GuestLauncher, 'kill'>,
  { ms, waited, why }: { readonly ms: number; readonly waited: Waited; readonly why: string },
): Promise<T> {
  try {
    return await inPatience(work, { ms, waited, late: () => lost(`${why} within ${ms / 1000} s`) })
  } catch (error) {
    kill('SIGKILL')
    throw error
  }
}

function launcherOver(
  inside: Inside,
  { id, hasTerminal }: { readonly id: string; readonly hasTerminal: boolean },
  call: Call,
): GuestLauncher {
  const [status, stdout, stderr] = [createOutlet(), createOutlet(), createOutlet()]
  const send = (input: Input): void => {
    call.send({ input }).catch(() => undefined) // reading tells why
  }
  /** By a call of its own: in the stream of input it would wait behind what the program does not read. */
  const tell = async (line: string): Promise<void> => {
    // Before that there is no launcher that could be told.
    await call.answered
    await inside.connection.unary(guestCalls.command, { id, command: Buffer.from(line) })
  }
  const hurry = (): void => {
    for (const outlet of [status, stdout, stderr]) outlet.hurry()
  }
  const keeping = { isAsked: false, isDone: false }
  const { ended, lost: failure } = follow(call, { status, stdout, stderr }, keeping)
  return {
    stdin: stdinOf(call),
    stdout: stdout.stream,
    stderr: stderr.stream,
    status: status.stream,
    ended,
    lost: failure,
    answered: call.answered,
    async keep() {
      keeping.isAsked = true
      send({ case: 'keep', value: {} })
      await ended
      const why = await failure
      if (why !== undefined) throw why
      if (!keeping.isDone) throw lost('the sandbox has ended instead of waiting for its clones')
    },
    command: (line) => {
      tell(line).catch(() => undefined) // a launcher that has ended, or never began, says so itself
    },
    hurry,
    hasTerminal,
    closeOutput(which) {
      // Its clones have readers of their own.
      if (keeping.isAsked) return
      const request = { id, isStderr: which === 'stderr' }
      // A launcher that has ended writes nothing; one that was lost says so itself.
      call.answered.then(async () => inside.connection.unary(guestCalls.closeOutput, request)).catch(() => undefined)
    },
    resize: (value) => send({ case: 'resize', value }),
    kill() {
      call.cancel()
      // A call that was given up ends behind what nobody reads.
      hurry()
    },
  }
}

function stdinOf(call: Call): Writable {
  const send = async (work: Promise<void>, done: (error?: Error) => void): Promise<void> => {
    try {
      await work
    } catch (error) {
      // The program is gone: what a pipe would say.
      return done(Object.assign(new Error('the program does not read any more', { cause: error }), { code: 'EPIPE' }))
    }
    done()
  }
  const pieces = async (chunk: Buffer): Promise<void> => {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      await call.sendBytes(stdinField, chunk.subarray(at, at + pieceBytes))
    }
  }
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => void send(pieces(chunk), done),
    final: (done) => void send(call.send({ input: { case: 'stdinEnd', value: {} } }), done),
  })
}

interface Followed {
  readonly ended: Launcher['ended']
  readonly lost: GuestLauncher['lost']
}

/** The order is part of the contract: `ended` is last and comes once; without it the launcher is taken for killed. */
function follow(
  call: Call,
  outlets: { status: Outlet; stdout: Outlet; stderr: Outlet },
  keeping: { readonly isAsked: boolean; isDone: boolean },
): Followed {
  const killed = { code: null, signal: 'SIGKILL' } as const
  const read = async (): Promise<Awaited<Launcher['ended']>> => {
    let end: Awaited<Launcher['ended']> | undefined
    try {
      for await (const { output } of call.messages) {
        if (output === undefined) continue // of a later version
        if (end !== undefined) throw lost('it says more about a sandbox that has ended')
        if (output.case === 'ended') {
          end = endOf(output.value)
          // What is still on its way to its stdin is nobody's.
          call.end()
        } else if (output.case === 'kept') {
          if (!keeping.isAsked) throw lost('it has kept a sandbox that nobody asked it to keep')
          keeping.isDone = true
          end = killed // for this host
          call.end()
        } else await outlets[output.case].put(output.value)
      }
    } finally {
      if (end === undefined) call.cancel()
      for (const outlet of Object.values(outlets)) outlet.end()
    }
    if (end === undefined) throw lost('it did not say how the sandbox ended')
    return end
  }
  const reading = read()
  return {
    ended: reading.catch(() => killed),
    lost: reading.then(
      () => undefined,
      (error: unknown) => (error instanceof GloveboxError ? error : lost(messageOf(error), error)),
    ),
  }
}

function endOf({ how }: GuestEnded): Awaited<Launcher['ended']> {
  if (how?.case === 'code' && how.value >= 0 && how.value <= 255) return { code: how.value, signal: null }
  const name =
    how?.case === 'signal'
      ? Object.entries(constants.signals).find(([, number]) => number === how.value)?.[0]
      : undefined
  if (name === undefined) throw lost('an end of a sandbox that cannot be')
  return { code: null, signal: name as NodeJS.Signals }
}
