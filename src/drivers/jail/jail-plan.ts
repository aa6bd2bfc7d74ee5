import { GloveboxError } from '../../errors.ts'
import type { JailMount, JailPlan } from '../../protocol/jail-plan.ts'
import type { Plan, PlanMount } from '../../policy/plan.ts'
import type { StartOptions } from '../driver.ts'
import { requireHonoured } from '../honour.ts'
import { toJailEgress } from '../launcher/egress.ts'

/**
 * The plan in the launcher's own shape.
 * @throws GloveboxError HOST_CANNOT for what the jail would have to leave out
 */
export function toJailPlan(
  plan: Plan,
  { id, socket, egress, beforeProgram }: Pick<StartOptions, 'id' | 'socket' | 'egress' | 'beforeProgram'>,
  terminal: boolean,
): JailPlan {
  requireHonoured(plan, { socket, egress }, 'the jail')
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
    devices: [],
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
