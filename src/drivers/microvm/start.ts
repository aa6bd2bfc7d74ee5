import { GloveboxError, messageOf } from '../../errors.ts'
import { once } from '../../policy/once.ts'
import type { Plan } from '../../policy/plan.ts'
import { guestCalls } from '../../protocol/inside/v1.ts'
import { storeIn } from '../../packages/store/store.ts'
import { onTerminal } from '../../system/terminal.ts'
import type { SentWorkspace, StartOptions, Wall } from '../driver.ts'
import { bootTemplate, machineParts } from './boot-template.ts'
import type { MicrovmHost } from './microvm-host.ts'
import { packGiven, type Given } from './image/given.ts'
import { stageImage, startStaging } from './image/store.ts'
import { planInTemplate, serverTemplate } from './server-template.ts'
import { endAfter } from './vmm/end-after.ts'
import { clonePatience, enterGuest } from './vmm/guest.ts'
import { copyDirectory, dividePlan, toGuestPlan, type Division } from './vmm/guest-plan.ts'
import { presentIn } from './vmm/guest-system.ts'
import { resumeWall, startWall } from './vmm/guest-wall.ts'
import { identify } from './vmm/identity.ts'
import { killOn } from './vmm/kill-on.ts'
import type { CloneDirectories, Machine, MachineParts, Vmm } from './vmm/machine.ts'
import { requireInTemplate } from './vmm/server-rules.ts'
import type { ServerUp } from './vmm/server-up.ts'
import { shapeFor } from './vmm/shape.ts'
import type { Template } from './vmm/template-store.ts'

/**
 * A clone of this plan's template, made a machine of its own, with the plan's sandbox in it.
 * @throws GloveboxError, and nothing is left of the machine
 */
export async function startMicrovm(
  host: MicrovmHost,
  plan: Plan,
  options: StartOptions,
  signal: AbortSignal,
): Promise<Wall> {
  signal.throwIfAborted()
  // First: what it refuses must not have started anything.
  const division = dividePlan(plan, options, host.image.record.programs)
  // Whoever starts a program by `exec` starts no server.
  const ofServer = plan.template === 'server' && options.stdio === 'pipe'
  if (ofServer) requireInTemplate(plan, options, division)
  const shape = shapeFor(plan.limits, workspaceOf(division, options)?.size)
  const booted = ofServer ? undefined : await bootTemplate(host, shape, signal, { onBoot: tellOfBoot })
  // Gone when the machine runs: it has open what it needs.
  await using own = stageImage(startStaging(host.places))
  const { path: given, isFresh } = await giveTo(host, plan, division, own.directory, signal)
  if (ofServer && isFresh) throw changing()
  // The program of a new template and its first clone are one start.
  const before = once(async () => options.beforeProgram?.())
  const from = { plan, division, shape, given, options, before }
  const template = booted ?? (await serverTemplate(host, from, signal, { onBoot: tellOfServer }))
  const up = template.record.server
  const parts = { ...machineParts(host, shape), given }
  const machine = await cloned(host.vmm, parts, { template: template.directory, own: own.directory }, signal)
  const unheard = killOn(signal, machine)
  try {
    const start = { ...options, ...(options.beforeProgram !== undefined && { beforeProgram: before }) }
    const wall =
      up === undefined
        ? await enter(host, machine, { plan, division, template, start })
        : await enterServer(host, machine, { template, up, start })
    signal.throwIfAborted()
    return wall
  } catch (error) {
    const { asked, lastWords } = await endAfter(machine, error)
    if (signal.aborted) throw signal.reason
    if (asked || lastWords === '') throw error
    throw new GloveboxError('NOT_STARTED', `the virtual machine ended by itself: ${lastWords}`, { cause: error })
  } finally {
    unheard()
  }
}

/** @throws the reason where nobody wants it any more, and not what became of the half that there was */
async function cloned(
  vmm: Vmm,
  parts: MachineParts,
  directories: CloneDirectories,
  signal: AbortSignal,
): Promise<Machine> {
  try {
    return await vmm.clone(parts, directories, signal)
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  }
}

interface Entering {
  readonly plan: Plan
  readonly division: Division
  readonly template: Template
  readonly start: StartOptions
}

/** The server is up in it, and goes on when the machine is one of its own and its start has been seen to. */
async function enterServer(
  host: MicrovmHost,
  machine: Machine,
  { template, up, start }: Pick<Entering, 'template' | 'start'> & { readonly up: ServerUp },
): Promise<Wall> {
  const inside = await enterGuest(machine, clonePatience)
  await identify(inside, start.id)
  await start.beforeProgram?.()
  // What it did in the template, this one has done too.
  for (const activity of up.activities) start.onActivity(activity)
  return resumeWall({
    machine,
    inside,
    plan: planInTemplate(start),
    vmm: host.vmm.name,
    instead: host.accelerated.instead?.reason,
    memoryBytes: template.record.shape.memoryBytes,
    start,
    up,
    takenAt: template.record.takenAt,
  })
}

async function enter(
  host: MicrovmHost,
  machine: Machine,
  { plan, division, template, start }: Entering,
): Promise<Wall> {
  const inside = await enterGuest(machine, clonePatience)
  await identify(inside, start.id)
  const workspace = workspaceOf(division, start)
  await Promise.all([
    workspace?.send(inside.connection, copyDirectory),
    division.given.length === 0 ? undefined : inside.connection.unary(guestCalls.mountGiven, {}),
  ])
  const present = await presentIn(inside, division)
  const facts = { system: template.record.system, present }
  const guestPlan = toGuestPlan(plan, division, facts, {
    id: start.id,
    terminal: start.stdio === 'inherit' && onTerminal(),
    hold: start.beforeProgram !== undefined,
    channel: start.socket !== undefined,
    egress: start.egress,
  })
  return startWall({
    machine,
    inside,
    plan: guestPlan,
    vmm: host.vmm.name,
    instead: host.accelerated.instead?.reason,
    memoryBytes: template.record.shape.memoryBytes,
    start,
  })
}

/** Undefined where nothing is copied. @throws GloveboxError where nobody sends it */
function workspaceOf({ copied }: Division, { workspace }: StartOptions): SentWorkspace | undefined {
  if (copied.length === 0) return undefined
  if (workspace !== undefined) return workspace
  throw new GloveboxError('INTERNAL', 'a copied workspace, and nobody who sends it')
}

/** The second drive, with what of the host's files the plan shows. */
async function giveTo(
  host: MicrovmHost,
  plan: Plan,
  { given }: Division,
  directory: string,
  signal: AbortSignal,
): Promise<Given> {
  try {
    const mounts = given.map(({ source, target, why }) => ({
      source,
      target,
      stable: why !== 'filesystem.read' && why !== 'workspace',
    }))
    const packages = storeIn(host.places.data)
    return await packGiven(mounts, {
      store: host.images,
      packages,
      directory,
      deny: plan.deny,
      env: host.env,
      signal,
    })
  } catch (error) {
    if (error instanceof GloveboxError || signal.aborted) throw error
    throw new GloveboxError(
      'NOT_STARTED',
      `what the sandbox is to read could not be packed for its machine: ${messageOf(error)}`,
      { cause: error },
    )
  }
}

function changing(): GloveboxError {
  return new GloveboxError(
    'HOST_CANNOT',
    'template "server": what the server is made of changes while it is packed, or its cache is on another file system than the store',
    { fix: 'try again, or write "template": "boot"' },
  )
}

function tellOfServer(): void {
  process.stderr.write(
    'glovebox: starting the server in a virtual machine to clone from; the next start takes no time for it\n',
  )
}

function tellOfBoot(): void {
  process.stderr.write('glovebox: booting a virtual machine to clone from; the next start takes no time for it\n')
}
