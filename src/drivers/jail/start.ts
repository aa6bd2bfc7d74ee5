import { GloveboxError, messageOf } from '../../errors.ts'
import type { Plan } from '../../policy/plan.ts'
import { connectUnix } from '../../system/connect-unix.ts'
import { onTerminal } from '../../system/terminal.ts'
import { spawnInside, type InsideProcess } from '../../system/spawn-inside.ts'
import type { Exit, StartOptions, Wall } from '../driver.ts'
import { launcherCommands } from '../launcher/commands.ts'
import { enforcedBy, follow } from '../launcher/follow.ts'
import { toJailPlan } from './jail-plan.ts'

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
    const { started, exit } = follow(inside, options)
    const { go, ...commands } = launcherCommands((line) => void inside.plan.write(line), exit)
    inside.plan.write(`${JSON.stringify(jailPlan)}\n`)
    const letGo = async (): Promise<void> => {
      await options.beforeProgram?.()
      if (jailPlan.hold) go()
    }
    const [{ pid, receipt }] = await Promise.all([started, letGo()])
    signal.throwIfAborted()
    const { socket } = options
    return {
      ...commands,
      stop: async (graceMs) => stopWithin(inside, commands.stop, graceMs),
      connect: socket === undefined ? undefined : async () => connectUnix(socket),
      stdio: inside.stdio,
      pid,
      receipt,
      enforced: enforcedBy(receipt),
      exit,
    }
  } catch (error) {
    inside.kill('SIGKILL')
    await inside.ended
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** How long a launcher may take to end what it was told to end. One that is stopped itself, or stuck, is killed then. */
const lateMs = 5000

async function stopWithin(inside: InsideProcess, stop: Wall['stop'], graceMs = 2000): Promise<Exit> {
  const late = setTimeout(() => inside.kill('SIGKILL'), graceMs + lateMs)
  try {
    return await stop(graceMs)
  } finally {
    clearTimeout(late)
  }
}

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
