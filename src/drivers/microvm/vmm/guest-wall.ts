import type { Duplex } from 'node:stream'
import { GloveboxError } from '../../../errors.ts'
import type { Inside } from '../../../inside/client.ts'
import type { JailPlan } from '../../../protocol/jail-plan.ts'
import type { Exit, StartOptions, Wall } from '../../driver.ts'
import { waitedBy } from '../../../system/patience.ts'
import { launcherCommands } from '../../launcher/commands.ts'
import { enforcedBy, follow, killedFromOutside } from '../../launcher/follow.ts'
import { createClosing, type Closing } from './closing.ts'
import { connectInGuest, openDoor, type Door } from './connect.ts'
import { createDeadline } from './deadline.ts'
import { bridgeEgress, type EgressBridge } from './egress-bridge.ts'
import { guestCaps } from './guest.ts'
import { resumeInGuest, saidInTime, startInGuest, type GuestLauncher } from './guest-launcher.ts'
import { copyDirectory } from './guest-plan.ts'
import type { Machine } from './machine.ts'
import { carryOwnStdio, terminalSize } from './own-stdio.ts'
import { receiptOfBoth } from './receipt.ts'
import { replayed, type ServerUp } from './server-up.ts'

export interface WallOptions {
  readonly machine: Machine
  readonly inside: Inside
  readonly plan: JailPlan
  /** For the receipt. */
  readonly vmm: string
  /** Why it does not run on what it would run on best. */
  readonly instead: string | undefined
  /** Of the machine: no copy of a workspace is larger. */
  readonly memoryBytes: number
  readonly start: StartOptions
}

export interface ResumeOptions extends Omit<WallOptions, 'plan'> {
  /** Of what was started in the template. */
  readonly plan: Pick<JailPlan, 'id' | 'channel'>
  readonly up: ServerUp
  readonly takenAt: string
}

/** How long a guest may take until the program runs, on a host that may emulate it: a second or less. Time without a processor comes on top. */
const startMs = 120_000

/**
 * Starts a plan's sandbox in a guest that has been made one of its own, and waits until the program runs.
 * @throws GloveboxError with the launcher's own reason; the machine is left to the caller then
 */
export async function startWall(options: WallOptions): Promise<Wall> {
  const { machine, inside, plan, start } = options
  const closing = createClosing()
  const time = createDeadline(plan.limits.time?.value, () => {
    start.onLimit({ event: 'limit', limit: 'time', detail: 'its time was over, and its machine did not end it' })
    void machine.kill()
  })
  const bridge = await openEgress(inside, plan, start)
  if (bridge !== undefined) closing.add(bridge)
  const launcher = startInGuest(inside, plan, plan.command.terminal ? terminalSize() : undefined)
  const followed = follow(launcher, start)
  const exit = time.tell(untilEnded({ machine, launcher, exit: followed.exit, closing, fetch: fetching(options) }))
  exit.catch(() => undefined) // before the program runs, the start fails for it
  const { go, ...commands } = launcherCommands((line) => launcher.command(line), exit)
  void launcher.ended.then(() => time.end())
  tellOfEnds(machine, launcher, commands)
  const stdout = start.stdio === 'inherit' ? carryOwnStdio(launcher) : undefined
  const started = reasoned(followed.started, launcher)
  const letGo = async (): Promise<void> => {
    await start.beforeProgram?.()
    if (plan.hold) go()
    await saidInTime(started, launcher, {
      ms: startMs,
      waited: waitedBy(machine.pid),
      why: 'it does not start its sandbox',
    })
  }
  const [{ receipt }] = await Promise.all([started, letGo()])
  time.begin()
  return letIn(options, { launcher, commands, receipt, closing, exit: afterOutput(exit, stdout) })
}

/**
 * The sandbox that a template has brought along, in a clone that has been made a machine of its own: from here on its program runs.
 * @throws GloveboxError; the machine is left to the caller then
 */
export async function resumeWall(options: ResumeOptions): Promise<Wall> {
  const { machine, inside, plan, up, takenAt, start } = options
  const closing = createClosing()
  const launcher = resumeInGuest(inside, plan.id)
  const begun = performance.now()
  const { started, exit: followed } = follow(launcher, start)
  started.catch(() => undefined) // that it has started, the template was told
  const fetch = async (): Promise<void> => undefined // a workspace is in no template
  const exit = ownTime(untilEnded({ machine, launcher, exit: followed, closing, fetch }), begun)
  exit.catch(() => undefined) // told by what is thrown here, or by the wall
  const commands = launcherCommands((line) => launcher.command(line), exit)
  tellOfEnds(machine, launcher, commands)
  const patience = { ms: guestCaps.callMs, waited: waitedBy(machine.pid), why: 'it does not take its sandbox up' }
  await saidInTime(reasoned(launcher.answered, launcher), launcher, patience)
  const { receipt } = up
  const unchecked = [machine.unchecked, drawnBefore(takenAt)].filter((each) => each !== undefined).join('; ')
  return letIn(
    { ...options, machine: { ...machine, unchecked } },
    { launcher: replayed(launcher, up), commands, receipt, closing, exit },
  )
}

function drawnBefore(takenAt: string): string {
  return `its server has been up since ${takenAt}, in a template: what its processes had drawn at random by then is the same in all clones`
}

/** The launcher counts from its start in the template on. */
async function ownTime(exit: Promise<Exit>, begun: number): Promise<Exit> {
  const ended = await exit
  return { ...ended, wallMs: Math.round(performance.now() - begun) }
}

function tellOfEnds(machine: Machine, launcher: GuestLauncher, { signal }: Pick<Wall, 'signal'>): void {
  void machine.ended.then(() => launcher.hurry())
  // What nobody reads any more is a broken pipe; a terminal, which has one for all, has the signal that comes with it.
  for (const which of ['stdout', 'stderr'] as const) {
    launcher[which].once('close', () => {
      if (launcher[which].readableEnded) return
      if (launcher.hasTerminal) signal('SIGPIPE')
      else launcher.closeOutput(which)
    })
  }
}

interface Running extends Pick<Wall, 'receipt' | 'exit'> {
  readonly launcher: GuestLauncher
  readonly commands: Pick<Wall, 'signal' | 'stop'>
  readonly closing: Closing
}

async function letIn(
  { machine, inside, plan, vmm, instead, start }: Omit<WallOptions, 'plan'> & { readonly plan: ResumeOptions['plan'] },
  { launcher, commands, receipt, closing, exit }: Running,
): Promise<Wall> {
  const door = await openWayIn(inside, plan, start)
  if (door !== undefined) closing.add(door)
  return {
    connect: connector(inside, plan),
    stdio: start.stdio === 'pipe' ? launcher : undefined,
    pid: machine.pid,
    receipt: receiptOfBoth(receipt, machine, { name: vmm, instead }),
    enforced: enforcedBy(receipt),
    exit,
    signal: commands.signal,
    stop: async (graceMs) => stopWithin({ machine, launcher, stop: commands.stop }, graceMs),
  }
}

/** A launcher that was never started has said nothing; the guest has. */
async function reasoned<T>(started: Promise<T>, launcher: GuestLauncher): Promise<T> {
  try {
    return await started
  } catch (error) {
    throw (await launcher.lost) ?? error
  }
}

/** How long a guest may take to tell the end of what it was told to end; after that the machine is ended. */
const lateMs = 5000

async function stopWithin(
  { machine, launcher, stop }: { machine: Machine; launcher: GuestLauncher; stop: Wall['stop'] },
  graceMs = 2000,
): Promise<Exit> {
  const hurry = setTimeout(() => launcher.hurry(), graceMs)
  const late = setTimeout(() => void machine.kill(), graceMs + lateMs)
  // What comes after its end, its workspace's way back, has a time of its own.
  void launcher.ended.then(() => clearTimeout(late))
  try {
    return await stop(graceMs)
  } finally {
    clearTimeout(hurry)
    clearTimeout(late)
  }
}

/** Nothing of the sandbox is left when its machine has ended: nothing that it keeps, and no promise of its own, is relied on. */
async function untilEnded(running: {
  readonly machine: Machine
  readonly launcher: GuestLauncher
  readonly exit: Promise<Exit>
  readonly closing: Closing
  readonly fetch: () => Promise<void>
}): Promise<Exit> {
  const { machine, launcher, closing } = running
  try {
    const exit = await running.exit
    const failure = await launcher.lost
    if (failure === undefined) {
      await running.fetch()
      return exit
    }
    // While its machine runs, it is the guest that has broken with us, and we who end it for that.
    const isOver = await machine.isOver()
    const { asked, lastWords } = await machine.kill()
    if (!isOver) throw failure
    // Ended from outside, as a launcher that is killed; a machine that failed has said why.
    if (asked || lastWords === '') return killedFromOutside
    throw new GloveboxError('CHANNEL_LOST', `the virtual machine ended by itself: ${lastWords}`, { cause: failure })
  } finally {
    closing.close()
    await machine.kill()
  }
}

/** How long a workspace may take on its way back; an emulated machine sends some 10 MiB in a second, and a fifth of that is waited for. */
const fetchMs = 30_000
const fetchedPerMs = 1024 ** 2 / 500

/** The copy lives as long as its machine, which is ended when it lets us wait. */
function fetching({ machine, inside, memoryBytes, start: { workspace } }: WallOptions): () => Promise<void> {
  return async () => {
    if (workspace === undefined) return
    const late = setTimeout(() => void machine.kill(), fetchMs + memoryBytes / fetchedPerMs)
    try {
      await workspace.fetch(inside.connection, copyDirectory)
    } finally {
      clearTimeout(late)
    }
  }
}

async function afterOutput(exit: Promise<Exit>, output: Promise<void> | undefined): Promise<Exit> {
  await output
  return exit
}

async function openEgress(inside: Inside, plan: JailPlan, start: StartOptions): Promise<EgressBridge | undefined> {
  if (plan.egress === null || start.egress === undefined) return undefined
  return bridgeEgress(inside, plan.egress.socket, start.egress.socket)
}

function connector(inside: Inside, { channel }: Pick<JailPlan, 'channel'>): (() => Promise<Duplex>) | undefined {
  return channel === null ? undefined : async () => connectInGuest(inside, channel.socket)
}

async function openWayIn(
  inside: Inside,
  plan: Pick<JailPlan, 'channel'>,
  { socket }: StartOptions,
): Promise<Door | undefined> {
  const connect = connector(inside, plan)
  return connect === undefined || socket === undefined ? undefined : openDoor(socket, connect)
}
