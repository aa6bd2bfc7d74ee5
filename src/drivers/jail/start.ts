import { constants } from 'node:os'
import { GloveboxError, messageOf } from '../../errors.ts'
import type { JailCommandLine, JailStatus } from '../../protocol/jail-status.ts'
import type { Control } from '../../protocol/controls.ts'
import type { Plan } from '../../policy/plan.ts'
import { connectUnix } from '../../system/connect-unix.ts'
import { readLines } from '../../system/line-reader.ts'
import { onTerminal } from '../../system/terminal.ts'
import { spawnInside, type InsideProcess } from '../../system/spawn-inside.ts'
import type { Exit, Receipt, StartOptions, Wall } from '../driver.ts'
import { toJailPlan } from './jail-plan.ts'
import { parseStatus, toError } from './status.ts'

/** Longest status line: an activity with a path and an address of 4096 bytes each, escaped, is well below it. */
const maxStatusBytes = 1024 ** 2

/**
 * Starts the launcher, hands it the plan, and waits until the program runs.
 * @throws GloveboxError with the launcher's own reason; nothing is left running then
 */
export async function startJail(binary: string, plan: Plan, options: StartOptions, signal: AbortSignal): Promise<Wall> {
  signal.throwIfAborted()
  const terminal = options.stdio === 'inherit' && onTerminal()
  // First: what it refuses must not have started anything.
  const jailPlan = toJailPlan(plan, options, terminal)
  const inside = await spawn(binary, options)
  const abort = (): void => inside.kill('SIGKILL') // its pid namespace dies with it
  signal.addEventListener('abort', abort, { once: true })
  try {
    const follower = follow(inside, options)
    inside.plan.write(`${JSON.stringify(jailPlan)}\n`)
    const letGo = async (): Promise<void> => {
      await options.beforeProgram?.()
      if (jailPlan.hold) inside.plan.write(`${JSON.stringify(go)}\n`)
    }
    const [{ pid, receipt }] = await Promise.all([follower.started, letGo()])
    signal.throwIfAborted()
    return wall(inside, pid, receipt, { exit: follower.exit, socket: options.socket })
  } catch (error) {
    inside.kill('SIGKILL')
    await inside.ended
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

const go: JailCommandLine = { do: 'go' }

async function spawn(binary: string, options: StartOptions): Promise<InsideProcess> {
  try {
    return await spawnInside(binary, ['jail'], options.stdio)
  } catch (cause) {
    throw new GloveboxError('NOT_STARTED', `${binary} could not be started: ${messageOf(cause)}`, {
      cause,
      fix: 'check that the native package was made for this system and processor',
    })
  }
}

interface Follower {
  readonly started: Promise<{ readonly pid: number; readonly receipt: Receipt }>
  readonly exit: Promise<Exit>
}

/** Turns status lines into the two moments that matter, and hands the rest on. A launcher that goes silent is an error, never a success. */
function follow(inside: InsideProcess, options: StartOptions): Follower {
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
      await readLines(inside.status, maxStatusBytes, (line) => take(parseStatus(line)))
      const { code, signal } = await inside.ended
      if (failure) throw failure
      if (result) return result
      if (signal === null)
        throw new GloveboxError('NOT_STARTED', `glovebox-inside ended without saying why (exit code ${code})`)
      return killedFromOutside
    } catch (error) {
      inside.kill('SIGKILL') // what we cannot follow, we do not let run
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
const killedFromOutside: Exit = {
  code: null,
  signal: constants.signals.SIGKILL,
  outOfMemory: false,
  timedOut: false,
  wallMs: 0,
  cpuMs: 0,
  peakMemoryBytes: null,
}

function withoutEvent<T extends { readonly event: string }>({ event, ...rest }: T): Omit<T, 'event'> {
  return rest
}

function wall(
  inside: InsideProcess,
  pid: number,
  receipt: Receipt,
  { exit, socket }: { exit: Promise<Exit>; socket: string | undefined },
): Wall {
  const enforced: ReadonlySet<Control> = new Set(
    receipt.enforcements.filter((line) => line.enforced).map((line) => line.control),
  )
  let stopping: Promise<Exit> | undefined
  const command = (line: JailCommandLine): void => void inside.plan.write(`${JSON.stringify(line)}\n`)
  const signal = (name: NodeJS.Signals): void => command({ do: 'signal', signal: constants.signals[name] })
  return {
    connect: socket === undefined ? undefined : async () => connectUnix(socket),
    stdio: inside.stdio,
    pid,
    receipt,
    enforced,
    exit,
    signal,
    stop(graceMs = 2000): Promise<Exit> {
      stopping ??= stop(graceMs, { signal, exit, end: () => command({ do: 'stop' }) })
      return stopping
    },
  }
}

async function stop(
  graceMs: number,
  sandbox: { signal: Wall['signal']; exit: Promise<Exit>; end: () => void },
): Promise<Exit> {
  sandbox.signal('SIGTERM')
  const timer = setTimeout(sandbox.end, graceMs)
  try {
    return await sandbox.exit
  } finally {
    clearTimeout(timer)
  }
}
