import { realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { formatRule } from '../../policy/network/rule.ts'
import { isWithin } from '../../policy/paths.ts'
import type { Plan, PlanMount } from '../../policy/plan.ts'
import { defaultLimits, type Policy } from '../../policy/policy.ts'
import { sourceText } from '../../policy/secrets.ts'
import { formatBytes } from '../../policy/sizes.ts'

/** A project that nobody has said yes to: its servers may run, and do nothing to the host. */
export interface Confinement {
  /** The project, links resolved. */
  readonly directory: string
  readonly state: 'unknown' | 'changed'
  /** What is known before the plan: variables that are copied, a profile of the user's that is hidden. */
  readonly wishes: readonly string[]
}

/**
 * Refuses a plan that does more than an unknown project may: it reads outside of itself, writes, talks to anybody, takes
 * from our environment, is let off a control, or asks for more than the defaults. `own` are places of ours that plans may show.
 * @throws GloveboxError REFUSED naming the first such wish
 */
export function requireConfined(
  plan: Plan,
  policy: Policy,
  confinement: Confinement,
  options: { command: readonly string[]; own: readonly string[] },
): void {
  const wishes = [
    ...confinement.wishes,
    ...wordWishes(options.command, policy, confinement.directory),
    ...plan.mounts.flatMap((mount) => mountWish(mount, plan, [confinement.directory, ...options.own])),
    ...policy.allowDegraded.map((control) => `to start without the control ${control}`),
    ...networkWishes(plan),
    ...plan.publish.map((port) => `to publish its port ${port.port} on this machine`),
    ...secretWishes(policy),
    ...(plan.template === 'server'
      ? ['what its server draws at random before it is asked anything to be the same at each start (template "server")']
      : []),
    ...limitWishes(policy, plan),
  ]
  const [first, ...more] = wishes
  if (first === undefined) return
  const { directory, state } = confinement
  const why =
    state === 'unknown'
      ? 'nobody has looked at its configuration yet'
      : 'its configuration has changed since it was trusted'
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`
  throw new GloveboxError('REFUSED', `${directory}: ${why}, and it wants ${first}${others}`, {
    fix: `glovebox trust ${directory} shows it${state === 'changed' ? ', with what changed,' : ''} and records your yes`,
  })
}

/** Programs that are named by a path; those that are found by name in PATH are what the user has installed. */
function wordWishes([program]: readonly string[], policy: Policy, directory: string): string[] {
  const named = [program ?? '', ...(policy.exec ?? [])].filter((word) => word.includes('/'))
  return named.flatMap((word) => {
    const real = realIfThere(word)
    const isKnown =
      real === undefined || isWithin(real, directory) || systemDirectories.some((path) => isWithin(real, path))
    return isKnown ? [] : [`to run ${real}`]
  })
}

const systemDirectories = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/nix/store', '/gnu/store']

function mountWish(mount: PlanMount, plan: Plan, allowed: readonly string[]): string[] {
  if (mount.owner !== 'user') return []
  if (mount.access !== 'read') return [`to write to ${mount.source}`]
  if (allowed.some((path) => isWithin(mount.source, path))) return []
  const asked = ['filesystem.read', 'filesystem.write', 'workspace', 'script'].includes(mount.why)
  return asked || isForeignPackage(mount, plan, allowed) ? [`to read ${mount.source}`] : []
}

/** A package that was mounted for a script of the project's, not for the program that runs it. */
function isForeignPackage({ why, source }: PlanMount, { command }: Plan, allowed: readonly string[]): boolean {
  if (why !== 'package' && why !== 'node_modules above the package') return false
  const isOfProgram = isWithin(command.path, why === 'package' ? source : dirname(source))
  return !isOfProgram || allowed.some((path) => isWithin(command.path, path))
}

/** What it reads is the project's alone, and yet not for everybody; and its connections come from where this machine is. */
function networkWishes({ network }: Plan): string[] {
  const rules = (network?.allow ?? []).map((rule) => `to connect to ${formatRule(rule)}`)
  return [...new Set(rules), ...(network?.ask === true ? ['to ask in your client for connections'] : [])]
}

/** A secret of its user's, and to run a command outside of every sandbox to get it. */
function secretWishes({ secrets }: Policy): string[] {
  return secrets.map(({ name, from }) => `the secret ${name} from ${sourceText(from)}`)
}

/** Memory and processors out of the plan: a machine's may be written elsewhere, and count for machines alone. */
function limitWishes({ limits }: Policy, { limits: planned }: Plan): string[] {
  const { diskBytes, pids, openFiles, messageBytes } = limits
  const memoryBytes = planned.memory.explicit ? planned.memory.value : undefined
  const cpus = planned.cpus.explicit ? planned.cpus.value : undefined
  return [
    ...(memoryBytes !== undefined && memoryBytes > defaultLimits.memoryBytes
      ? [`${formatBytes(memoryBytes)} of memory`]
      : []),
    ...(diskBytes !== undefined && diskBytes > defaultLimits.diskBytes ? [`${formatBytes(diskBytes)} of disk`] : []),
    ...(cpus !== undefined && cpus > defaultLimits.cpus ? [`${cpus} CPUs`] : []),
    ...(pids !== undefined && pids > defaultLimits.pids ? [`${pids} processes`] : []),
    ...(openFiles !== undefined && openFiles > defaultLimits.openFiles ? [`${openFiles} open files`] : []),
    // Messages are kept in our own memory, outside of the sandbox.
    ...(messageBytes !== undefined && messageBytes > defaultLimits.messageBytes
      ? [`messages of ${formatBytes(messageBytes)}`]
      : []),
  ]
}

function realIfThere(path: string): string | undefined {
  try {
    return realpathSync.native(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code !== undefined) return undefined
    throw error
  }
}
