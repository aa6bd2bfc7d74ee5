import { homedir } from 'node:os'
import type { HostFacts } from '../../policy/host-facts.ts'
import type { Policy } from '../../policy/policy.ts'
import { places } from '../../system/places.ts'
import { hasOwnPrograms } from '../../drivers/registry.ts'
import { inspectCommand } from './command.ts'
import { ownFiles } from './own-files.ts'
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
    command: inspectCommand(command, {
      cwd,
      env,
      home,
      exec: policy.exec,
      hasOwnPrograms: hasOwnPrograms(policy.driver),
      hasWorkspace: policy.workspace !== null,
    }),
    paths: new Map(named.map((given) => [given, inspectPath(given, cwd)])),
    system: inspectSystem(),
    ...ownFiles(places(env)),
    home,
  }
}
