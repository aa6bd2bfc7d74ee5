import type { Plan } from '../../policy/plan.ts'
import type { JailPlan } from '../../protocol/jail-plan.ts'
import { guestCalls } from '../../protocol/inside/v1.ts'
import { waitedBy } from '../../system/patience.ts'
import type { StartOptions } from '../driver.ts'
import { bootGuest } from './boot-guest.ts'
import { leave, machineParts, provide, type TemplateProgress } from './boot-template.ts'
import type { MicrovmHost } from './microvm-host.ts'
import { socketsInGuest, toGuestPlan, type Division } from './vmm/guest-plan.ts'
import { inspectGuestSystem, presentIn } from './vmm/guest-system.ts'
import { identify } from './vmm/identity.ts'
import { killOn } from './vmm/kill-on.ts'
import { driveAt, renewedMounts, serverKey } from './vmm/server-rules.ts'
import { bringUp } from './vmm/server-up.ts'
import type { Shape } from './vmm/shape.ts'
import type { NewTemplate, Template } from './vmm/template-store.ts'

/** Of the sandbox in a template, and of its machine while that is made: no clone has it. */
const idInTemplate = 'server'

export interface ServerStart {
  readonly plan: Plan
  readonly division: Division
  readonly shape: Shape
  /** The drive with what of the host's files the plan shows. */
  readonly given: string
  readonly options: Pick<StartOptions, 'socket'>
  /** What has to be seen to before anything of the program's runs: also before it runs in a template. */
  readonly before: () => Promise<void>
}

/** A template in which the plan's server is up, and stands still (decision 31). */
export async function serverTemplate(
  host: MicrovmHost,
  start: ServerStart,
  signal: AbortSignal,
  progress: TemplateProgress = {},
): Promise<Template> {
  const { plan, division, shape, given, options } = start
  const drive = division.given.length === 0 ? null : driveAt(given)
  const server = serverKey(plan, options.socket !== undefined, drive)
  return provide(host, { level: 'server', shape, server }, signal, {
    progress,
    make: async (directory) => ({ ...(await bringUpInto(host, start, directory, signal)), drive }),
  })
}

/** How what was started in such a template is spoken with. */
export function planInTemplate({ socket }: Pick<StartOptions, 'socket'>): Pick<JailPlan, 'id' | 'channel'> {
  return { id: idInTemplate, channel: socket === undefined ? null : { socket: socketsInGuest(idInTemplate).channel } }
}

async function bringUpInto(
  host: MicrovmHost,
  { plan, division, shape, given, options, before }: ServerStart,
  directory: string,
  signal: AbortSignal,
): Promise<NewTemplate> {
  const { machine, inside } = await bootGuest(host.vmm, { ...machineParts(host, shape), given }, directory, signal)
  const unheard = killOn(signal, machine)
  try {
    const system = await inspectGuestSystem(inside)
    // As for any sandbox: what its program draws before it is kept is known to its clones alone.
    await identify(inside, idInTemplate)
    if (division.given.length > 0) await inside.connection.unary(guestCalls.mountGiven, {})
    const facts = { system, present: await presentIn(inside, division) }
    const channel = options.socket !== undefined
    const of = { id: idInTemplate, terminal: false, hold: true, channel, egress: undefined }
    const guestPlan = toGuestPlan(plan, division, facts, of)
    const mounts = [...guestPlan.mounts, ...renewedMounts]
    const { ended, pid } = machine
    const server = await bringUp(inside, { ...guestPlan, mounts }, { before, waited: waitedBy(pid), ended })
    await leave(inside)
    await machine.freeze()
    return { level: 'server', vmm: host.vmm.name, image: host.image.record.digest, shape, system, server }
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    unheard()
    await machine.kill()
  }
}
