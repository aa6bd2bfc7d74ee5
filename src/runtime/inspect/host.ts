import { homedir } from 'node:os'
import { join } from 'node:path'
import type { HostFacts } from '../../policy/host-facts.ts'
import type { Policy } from '../../policy/policy.ts'
import { places } from '../../system/places.ts'
import { realOrNamed } from '../../system/real-places.ts'
import { hasOwnPrograms } from '../../drivers/registry.ts'
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
    ...ownFiles(env),
    home,
  }
}

/** Real paths, so that a link into them is seen, also of what does not exist yet: it would be made there. */
function ownFiles(env: NodeJS.ProcessEnv): Pick<HostFacts, 'own' | 'unseen' | 'staging'> {
  const { config, state, data, cache, runtime } = places(env)
  return {
    // The cache too: Node runs compiled code from there, and machines are booted from it.
    own: [config, state, data, cache, runtime].map(realOrNamed),
    // What is left is for sandboxes to run: packages and images.
    unseen: [config, state, runtime].map(realOrNamed),
    staging: [
      join(realOrNamed(data), 'store', 'staging'),
      join(realOrNamed(cache), 'npm'),
      join(realOrNamed(cache), 'pip'),
    ],
  }
}
