import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { GloveboxError } from '../../errors.ts'
import type { JailStatus } from '../../protocol/jail-status.ts'
import { readLines } from '../../system/line-reader.ts'
import type { Exit, Receipt, StartOptions, Wall } from '../driver.ts'
import { parseStatus, toError } from './status.ts'

/** Longest status line: an activity with a path and an address of 4096 bytes each, escaped, is well below it. */
const maxStatusBytes = 1024 ** 2

/** A launcher that runs somewhere: here as a process of ours, or in a guest. */
export interface Launcher {
  /** JSON lines. */
  readonly status: Readable
  /** Settles when the launcher itself has ended and its streams are closed. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  kill(signal: 'SIGKILL'): void
}

export interface Follower {
  readonly started: Promise<{ readonly pid: number; readonly receipt: Receipt }>
  readonly exit: Promise<Exit>
}

/** Turns status lines into the two moments that matter, and hands the rest on. A launcher that goes silent is an error, never a success. */
export function follow(launcher: Launcher, options: Pick<StartOptions, 'onActivity' | 'onLimit'>): Follower {
  const started = Promise.withResolvers<{ pid: number; receipt: Receipt }>()
  let receipt: Receipt | undefined
  let result: Exit | undefined
  let failure: GloveboxError | undefined

  function take(status: JailStatus): void {
    if (status.event === 'receipt') receipt = withoutEvent(status)
    else if (status.event === 'activity') options.onActivity(status)
    else if (status.event === 'limit') options.onLimit(status)
    else if (status.event === 'exit') result = withoutEvent(status)
    else if (status.event === 'error') failure = toError(status)
    else if (receipt) started.resolve({ pid: status.pid, receipt })
    else throw new GloveboxError('INTERNAL', 'glovebox-inside started a program without a receipt')
  }

  async function readToTheEnd(): Promise<Exit> {
    try {
      await readLines(launcher.status, maxStatusBytes, (line) => take(parseStatus(line)))
      const { code, signal } = await launcher.ended
      if (failure) throw failure
      if (result) return result
      if (signal === null)
        throw new GloveboxError('NOT_STARTED', `glovebox-inside ended without saying why (exit code ${code})`)
      return killedFromOutside
    } catch (error) {
      launcher.kill('SIGKILL') // what we cannot follow, we do not let run
      throw error
    }
  }

  const exit = readToTheEnd()
  exit.then(
    () => started.reject(new GloveboxError('NOT_STARTED', 'glovebox-inside was killed before the program ran')),
    (error: unknown) => started.reject(error),
  )
  return { started: started.promise, exit }
}

/** The launcher was killed, and the sandbox with it: its pid 1 dies with its parent. */
export const killedFromOutside: Exit = {
  code: null,
  signal: constants.signals.SIGKILL,
  outOfMemory: false,
  timedOut: false,
  wallMs: 0,
  cpuMs: 0,
  peakMemoryBytes: null,
}

/** The controls that a receipt says are held. */
export function enforcedBy({ enforcements }: Receipt): Wall['enforced'] {
  return new Set(enforcements.filter((line) => line.enforced).map((line) => line.control))
}

function withoutEvent<T extends { readonly event: string }>({ event, ...rest }: T): Omit<T, 'event'> {
  return rest
}
