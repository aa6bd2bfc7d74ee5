import { addPlacement, type PlacementFlags } from '../config/placement-flags.ts'
import { explainMissing } from '../config/explain-missing.ts'
import { startOf, type Start, type StartFlags } from '../config/start.ts'
import type { Driver } from '../drivers/driver.ts'
import { loadDriver } from '../drivers/registry.ts'
import { GloveboxError } from '../errors.ts'
import type { LockFlags } from '../packages/program-of.ts'
import type { Plan } from '../policy/plan.ts'
import type { Policy } from '../policy/policy.ts'
import type { Placement, ToolApart } from '../protocol/daemon.ts'
import { prepare } from './prepare.ts'

/** A server that may have several sandboxes, resolved: nothing has been started. */
export interface PlacedStart {
  readonly plan: Plan
  readonly driver: Driver
  readonly verify: (() => Promise<void>) | undefined
  readonly placement: Placement
  /** The tools that run in a fresh sandbox. */
  readonly each: Readonly<Record<string, ToolApart<Plan>>>
  readonly requestTimeMs: number | undefined
}

export type PlacedFlags = StartFlags & PlacementFlags & LockFlags

/**
 * Words and flags as what is started for them, as `run` would: the same files, policy, trust and package.
 * @throws GloveboxError for whatever the policy or the host does not allow
 */
export async function placedStart(
  words: readonly string[],
  flags: PlacedFlags,
  {
    cwd,
    env,
    verb,
    servers = true,
  }: {
    readonly cwd: string
    readonly env: NodeJS.ProcessEnv
    /** Whose words these are, for its messages. */
    readonly verb: string
    readonly servers?: true | 'only'
  },
): Promise<PlacedStart> {
  const from = { cwd, env, servers, config: flags.config, verb }
  const { start, plan, driver, verify } = await startAndPlan(words, flags, from).catch(async (error: unknown) => {
    throw await explainMissing(error, words, from)
  })
  const { placement } = start.placed
  const placed = addPlacement(placement, flags)
  if (placed.pool > 0 && plan.workspace !== null) throw staleCopies()
  return {
    plan,
    driver,
    verify,
    placement: placed,
    each: await toolsApart(start, flags),
    requestTimeMs: start.policy.limits.timeMs,
  }
}

async function startAndPlan(
  words: readonly string[],
  flags: PlacedFlags,
  from: Parameters<typeof startOf>[2],
): Promise<{ start: Start } & Awaited<ReturnType<typeof prepare>>> {
  const start = await startOf(words, flags, from)
  return { start, ...(await resolved(start, start.policy, flags)) }
}

/**
 * Plans of the tools that have a sandbox for each call.
 * @throws GloveboxError for whatever the policy or the host does not allow
 */
export async function toolsApart(start: Start, flags: LockFlags): Promise<Record<string, ToolApart<Plan>>> {
  const each: [string, ToolApart<Plan>][] = []
  for (const [tool, policy] of Object.entries(start.placed.each)) {
    const { plan } = await resolved(start, policy, flags)
    each.push([tool, { plan, requestTimeMs: policy.limits.timeMs }])
  }
  return Object.fromEntries(each)
}

/**
 * Builds what its sandboxes start from and is not there yet, for whoever starts them where nobody waits.
 * @throws GloveboxError when that cannot be had
 */
export async function provideFor({ plan, each }: PlacedStart, signal: AbortSignal): Promise<void> {
  for (const wanted of [plan, ...Object.values(each).map((tool) => tool.plan)]) {
    const driver = await loadDriver(wanted.driver)
    await driver.provide?.(wanted, signal)
  }
}

/** `time` is one request's here: the guard keeps it. */
export async function resolved(start: Start, policy: Policy, flags: LockFlags): ReturnType<typeof prepare> {
  const { timeMs, ...limits } = policy.limits
  return prepare({ ...start, policy: { ...policy, limits }, terminal: false, locked: flags })
}

/** What waits in a pool has its copy already, and would hand it out as old as it is. */
function staleCopies(): GloveboxError {
  return new GloveboxError(
    'POLICY_INVALID',
    'a pool and a copied workspace do not go together: the copies would be old',
    {
      fix: 'leave the pool out, or show the workspace with mode read or write',
    },
  )
}
