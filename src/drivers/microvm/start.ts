import { GloveboxError, messageOf } from '../../errors.ts'
import { statInside } from '../../inside/files.ts'
import type { Inside } from '../../inside/client.ts'
import type { Plan } from '../../policy/plan.ts'
import { guestCalls } from '../../protocol/inside/v1.ts'
import { storeIn } from '../../packages/store/store.ts'
import { onTerminal } from '../../system/terminal.ts'
import type { SentWorkspace, StartOptions, Wall } from '../driver.ts'
import { bootTemplate, machineParts } from './boot-template.ts'
import type { MicrovmHost } from './microvm-host.ts'
import { packGiven } from './image/given.ts'
import { stageImage, startStaging } from './image/store.ts'
import { clonePatience, enterGuest } from './vmm/guest.ts'
import { copyDirectory, dividePlan, pathInGuest, toGuestPlan, type Division } from './vmm/guest-plan.ts'
import { startWall } from './vmm/guest-wall.ts'
import { identify } from './vmm/identity.ts'
import { killOn } from './vmm/kill-on.ts'
import type { Machine } from './vmm/machine.ts'
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
  const shape = shapeFor(plan.limits, workspaceOf(division, options)?.size)
  const template = await bootTemplate(host, shape, signal, { onBoot: tellOfBoot })
  // Gone when the machine runs: it has open what it needs.
  await using own = stageImage(startStaging(host.places))
  const given = await giveTo(host, plan, division, own.directory, signal)
  let machine: Machine | undefined
  try {
    const parts = { ...machineParts(host, shape), given }
    machine = await host.vmm.clone(parts, { template: template.directory, own: own.directory }, signal)
    const stopped = killOn(signal, machine)
    try {
      const wall = await enter(host, machine, { plan, division, template, start: options })
      signal.throwIfAborted()
      return wall
    } finally {
      stopped()
    }
  } catch (error) {
    const end = await machine?.kill()
    if (signal.aborted) throw signal.reason
    if (end === undefined || end.asked || end.lastWords === '') throw error
    throw new GloveboxError('NOT_STARTED', `the virtual machine ended by itself: ${end.lastWords}`, { cause: error })
  }
}

interface Entering {
  readonly plan: Plan
  readonly division: Division
  readonly template: Template
  readonly start: StartOptions
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
  const present = await presentOf(inside, division)
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

async function presentOf(inside: Inside, division: Division): Promise<ReadonlySet<string>> {
  const found = await Promise.all(
    division.asked.map(async (path) => {
      const info = await statInside(inside.connection, pathInGuest(path, division), { follow: true })
      return info === undefined ? [] : [path]
    }),
  )
  return new Set(found.flat())
}

/** The second drive, with what of the host's files the plan shows. */
async function giveTo(
  host: MicrovmHost,
  plan: Plan,
  { given }: Division,
  directory: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    const mounts = given.map(({ source, target, why }) => ({
      source,
      target,
      stable: why !== 'filesystem.read' && why !== 'workspace',
    }))
    const packages = storeIn(host.places.data)
    const { path } = await packGiven(mounts, {
      store: host.images,
      packages,
      directory,
      deny: plan.deny,
      env: host.env,
      signal,
    })
    return path
  } catch (error) {
    if (error instanceof GloveboxError || signal.aborted) throw error
    throw new GloveboxError(
      'NOT_STARTED',
      `what the sandbox is to read could not be packed for its machine: ${messageOf(error)}`,
      { cause: error },
    )
  }
}

function tellOfBoot(): void {
  process.stderr.write('glovebox: booting a virtual machine to clone from; the next start takes no time for it\n')
}
