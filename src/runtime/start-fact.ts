import type { Plan } from '../policy/plan.ts'
import type { StartFact } from '../protocol/facts.ts'
import { sha256 } from '../system/sha256.ts'

/** A start as the record has it. */
export function startFact(plan: Plan): StartFact {
  return {
    fact: 'start',
    server: plan.server,
    driver: plan.driver,
    command: plan.command.argv,
    // A resolved plan is built in one place, in one order: its JSON is canonical.
    // Loaded only here, where the wall is being built meanwhile.
    plan: sha256(JSON.stringify(withoutSecrets(plan))),
    allowDegraded: plan.allowDegraded,
  }
}

/** The values of the environment may be keys: a hash over them would let a reader of the record test guesses. */
function withoutSecrets(plan: Plan): object {
  return { ...plan, command: { ...plan.command, env: Object.keys(plan.command.env) } }
}
