import type { Driver } from '../drivers/driver.ts'
import { loadDriver } from '../drivers/registry.ts'
import { verifierFor } from '../packages/program-of.ts'
import type { Plan } from '../policy/plan.ts'
import type { ToolApart } from '../protocol/daemon.ts'

/** A resolved plan with what one more start of it takes: its package is verified again each time. */
export async function startable(apart: ToolApart<Plan>): Promise<
  ToolApart<Plan> & {
    readonly driver: Driver
    readonly verify: (() => Promise<void>) | undefined
  }
> {
  const { plan, requestTimeMs } = apart
  const driver = await loadDriver(plan.driver)
  return { plan, requestTimeMs, driver, verify: await verifierFor(wordsOf(plan), process.env) }
}

/** Where a package of the store could be named. */
function wordsOf({ command, mounts }: Plan): string[] {
  return [command.path, ...command.argv, ...mounts.map(({ source }) => source)]
}
