import type { JailPlan } from '../../protocol/jail-plan.ts'
import type { Plan } from '../../policy/plan.ts'

/** The plan in the launcher's own shape: nothing is decided here. */
export function toJailPlan(plan: Plan, id: string, terminal: boolean): JailPlan {
  return {
    schema: 'glovebox/jail-plan/1',
    id,
    command: { ...plan.command, terminal },
    mounts: plan.mounts.map(({ source, target, access, exec, owner }) => ({ source, target, access, exec, owner })),
    deny: plan.deny,
    exec: plan.exec,
    limits: plan.limits,
    mode: plan.mode,
    allowDegraded: plan.allowDegraded,
  }
}
