import type { Policy } from '../../policy/policy.ts'
import { networkFlags, policyFromFlags, type PolicyFlags } from '../policy-flags.ts'
import { secretsFromFlags } from '../secret-flags.ts'
import type { SandboxConfig } from '../schema/sandbox.ts'
import type { KeyPath } from '../tree.ts'
import { spellPath } from '../tree.ts'
import { withAbsolutePaths, type Layer } from './layer.ts'

/** The flag that sets a key. */
const flagOf: Readonly<Record<string, string>> = {
  driver: '--driver',
  workspace: '--workspace',
  'filesystem.read': '--read',
  'filesystem.write': '--write',
  'filesystem.deny': '--deny',
  'network.allow': networkFlags.allow,
  'network.deny': networkFlags.deny,
  'network.private': networkFlags.private,
  'network.resolvers': networkFlags.resolvers,
  'network.publish': networkFlags.publish,
  'network.ask': '--ask',
  exec: '--exec',
  'limits.memory': '--memory',
  'limits.cpus': '--cpus',
  'limits.pids': '--pids',
  'limits.disk': '--disk',
  'limits.openFiles': '--open-files',
  'limits.time': '--time',
  'tools.allow': '--tools',
  'tools.deny': '--deny-tools',
  mode: '--mode',
  allowDegraded: '--allow-degraded',
}

/**
 * The policy flags of a command line as a layer, which is the strongest.
 * @throws GloveboxError POLICY_INVALID naming the flag
 */
export function flagsLayer(flags: PolicyFlags, options: { cwd: string; env: NodeJS.ProcessEnv }): Layer {
  const policy = policyFromFlags(flags, options.env)
  return {
    sandbox: withAbsolutePaths(sandboxOf(policy, flags), options.cwd),
    env: policy.env,
    originOf: (path) => ({ kind: 'flag', where: flagFor(path) }),
    ...(flags.sync !== undefined && { sync: flags.sync }),
    ...(policy.vmm !== undefined && { vmm: policy.vmm }),
    ...(policy.accel !== undefined && { accel: policy.accel }),
    ...(policy.machine !== undefined && { machine: policy.machine }),
  }
}

function flagFor(path: KeyPath): string {
  if (path[0] === 'env') return '--env'
  if (path[0] === 'secrets') return '--secret'
  return flagOf[spellPath(path.filter((key) => typeof key === 'string'))] ?? 'the command line'
}

/** What was really given: a policy has a value for everything. */
export function sandboxOf(policy: Policy, flags: PolicyFlags): SandboxConfig {
  const { filesystem, network, exec, limits, workspace } = policy
  const { allow, deny, private: ranges, resolvers, publish } = network
  return {
    ...((flags.driver ?? flags.isolation ?? flags.vmm ?? flags.accel ?? flags.image) !== undefined && {
      driver: policy.driver as NonNullable<SandboxConfig['driver']>,
    }),
    ...(workspace !== null && { workspace }),
    filesystem,
    network: { allow, deny, private: ranges, resolvers, publish, ...(network.ask === true && { ask: true }) },
    ...(exec !== null && { exec }),
    ...(flags.secret !== undefined && { secrets: secretsFromFlags(flags.secret) }),
    limits: {
      ...(limits.memoryBytes !== undefined && { memory: limits.memoryBytes }),
      ...(limits.cpus !== undefined && { cpus: limits.cpus }),
      ...(limits.pids !== undefined && { pids: limits.pids }),
      ...(limits.diskBytes !== undefined && { disk: limits.diskBytes }),
      ...(limits.openFiles !== undefined && { openFiles: limits.openFiles }),
      ...(limits.timeMs !== undefined && { time: limits.timeMs }),
    },
    tools: { ...(flags.tools !== undefined && { allow: policy.tools.allow }), deny: policy.tools.deny },
    ...(flags.mode !== undefined && policy.mode !== 'learn' && { mode: policy.mode }),
    allowDegraded: policy.allowDegraded,
  }
}
