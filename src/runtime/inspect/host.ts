import { homedir } from 'node:os'
import type { HostFacts } from '../../policy/host-facts.ts'
import type { Policy } from '../../policy/policy.ts'
import { inspectCommand } from './command.ts'
import { inspectPath } from './paths.ts'
import { inspectSystem } from './system.ts'

/** All that `resolvePlan` has to know about this host for one start. */
export function inspectHost(
  policy: Policy,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): HostFacts {
  const home = inspectPath(homedir(), '/').real ?? homedir()
  const { read, write, deny } = policy.filesystem
  const named = [...read, ...write, ...deny, ...(policy.workspace ? [policy.workspace.path] : [])]
  return {
    command: inspectCommand(command, { cwd, path: env['PATH'], home, exec: policy.exec }),
    paths: new Map(named.map((given) => [given, inspectPath(given, cwd)])),
    system: inspectSystem(),
    home,
  }
}
