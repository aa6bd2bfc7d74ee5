import { GloveboxError } from '../../errors.ts'
import type { JailMount, JailPlan } from '../../protocol/jail-plan.ts'
import type { Plan, PlanMount } from '../../policy/plan.ts'
import type { StartOptions } from '../driver.ts'
import { toJailEgress } from '../launcher/egress.ts'
import { noWayIn } from '../no-way-in.ts'

/** The keys of a plan that the jail honours, or that are not for a driver (`messageBytes`, `tools`: the guard's). */
const known: ReadonlySet<string> = new Set<keyof Plan>([
  'schema',
  'server',
  'driver',
  'command',
  'mounts',
  'workspace',
  'deny',
  'exec',
  'network',
  'publish',
  'secrets',
  'limits',
  'messageBytes',
  'tools',
  'mode',
  'allowDegraded',
])

/**
 * The plan in the launcher's own shape.
 * @throws GloveboxError HOST_CANNOT for what the jail would have to leave out
 */
export function toJailPlan(
  plan: Plan,
  { id, socket, egress, beforeProgram }: Pick<StartOptions, 'id' | 'socket' | 'egress' | 'beforeProgram'>,
  terminal: boolean,
): JailPlan {
  if (plan.network !== null && egress === undefined) {
    throw new GloveboxError('HOST_CANNOT', 'network.allow: nobody decides about connections for this start', {
      fix: 'start it without a network list',
    })
  }
  if (plan.publish.length > 0 && socket === undefined) {
    throw noWayIn()
  }
  if (plan.secrets.some(({ exposed }) => !exposed) && egress === undefined) {
    throw new GloveboxError('HOST_CANNOT', 'secrets: nobody puts them into requests for this start', {
      fix: 'start it without secrets that are bound to hosts',
    })
  }
  const unknown = Object.keys(plan).find((key) => !known.has(key))
  if (unknown !== undefined) {
    throw new GloveboxError(
      'HOST_CANNOT',
      `the jail does not know the key "${unknown}" of the plan, so it cannot honour it`,
    )
  }
  return {
    schema: 'glovebox/jail-plan/1',
    id,
    command: { ...plan.command, terminal },
    mounts: plan.mounts.map(toJailMount),
    deny: plan.deny,
    exec: plan.exec,
    limits: plan.limits,
    mode: plan.mode,
    allowDegraded: plan.allowDegraded,
    channel: socket === undefined ? null : { socket },
    hold: beforeProgram !== undefined,
    egress: egress === undefined ? null : toJailEgress(egress),
  }
}

/** The original in the place of its copy would be a directory of the user's that may be changed. */
function toJailMount({ source, target, access, exec, owner }: PlanMount): JailMount {
  if (access === 'copy') {
    throw new GloveboxError('HOST_CANNOT', `workspace: nobody has made a copy of ${source} for this start`, {
      fix: 'write mode read, or write to let it change your files',
    })
  }
  return { source, target, access, exec, owner }
}
