import { basename } from 'node:path'
import { completePolicy, loadDriver } from '../drivers/registry.ts'
import type { Driver } from '../drivers/driver.ts'
import { programOf, type LockFlags } from '../packages/program-of.ts'
import type { HostFacts } from '../policy/host-facts.ts'
import type { Plan } from '../policy/plan.ts'
import type { Policy } from '../policy/policy.ts'
import { resolvePlan, type Configured } from '../policy/resolve.ts'
import { inspectHost } from './inspect/host.ts'

export interface Prepared {
  readonly plan: Plan
  /** What of this host the plan was made from. */
  readonly facts: HostFacts
  readonly driver: Driver
  /** To be awaited before anything of the program runs: `startSandbox` does. */
  readonly verify: (() => Promise<void>) | undefined
}

/**
 * A policy and a command, resolved on this host and with the driver loaded: all that is decided before anything starts.
 * A package runner's command becomes that of its pinned package, which is installed when it is not yet.
 * @throws GloveboxError for whatever the policy or the host does not allow
 */
export async function prepare(options: {
  policy: Policy
  command: readonly string[]
  name: string | undefined
  terminal: boolean
  /** Where the command is started; ours without it. */
  cwd?: string
  /** Throws when the plan does more than its configuration is trusted with. */
  review?: (plan: Plan) => void
  /** Where the versions of a package have to come from: `--lock`, `--frozen`. */
  locked?: LockFlags
  /** Where its policy is written, when that is not a command line. */
  server?: Configured | undefined
}): Promise<Prepared> {
  const { terminal, server: configured } = options
  const policy = await completePolicy(options.policy, process.env)
  const cwd = options.cwd ?? process.cwd()
  const { command, name, verify } = await programOf(options.command, { cwd, env: process.env, flags: options.locked })
  const facts = inspectHost(policy, command, process.env, cwd)
  const server = options.name ?? name ?? basename(command[0] ?? '')
  const plan = resolvePlan(server, policy, facts, { env: process.env, terminal, configured })
  options.review?.(plan)
  return { plan, facts, driver: await loadDriver(policy.driver), verify }
}
