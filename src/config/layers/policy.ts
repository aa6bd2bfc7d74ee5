import { GloveboxError } from '../../errors.ts'
import { defaultPolicy, type Policy, type PolicyLimits, type Workspace } from '../../policy/policy.ts'
import { publishedPorts, resolveNetwork, type NetworkList, type NetworkWords } from '../../policy/network/words.ts'
import type { Placement } from '../../protocol/daemon.ts'
import { toSecret } from '../../policy/secret-words.ts'
import type { LimitsConfig } from '../schema/limits.ts'
import type { NetworkConfig } from '../schema/network.ts'
import type { SandboxConfig } from '../schema/sandbox.ts'
import { quoted } from '../schema/words.ts'
import { spellPath, type KeyPath } from '../tree.ts'
import type { Merged } from './layer.ts'
import { byDefault, type Origins } from './origin.ts'

/** How a server is placed by those who place sandboxes. */
export interface Placed {
  readonly placement: Placement
  /** Tools that run in a fresh sandbox, by their names. */
  readonly each: Readonly<Record<string, Policy>>
}

/**
 * Merged layers as the policy of a start. A key that this version cannot honour ends here: a policy that is
 * only partly kept is worse than none.
 * @throws GloveboxError HOST_CANNOT naming the key and its place
 */
export function policyOf(merged: Merged): Policy {
  const { sandbox, env, defaultLimits, vmm, accel, machine, origins } = merged
  refuseWhatIsMissing(sandbox, origins)
  const { filesystem, tools } = sandbox
  return {
    driver: sandbox.driver ?? defaultPolicy.driver,
    workspace: workspaceOf(sandbox),
    filesystem: { read: filesystem?.read ?? [], write: filesystem?.write ?? [], deny: filesystem?.deny ?? [] },
    network: networkOf(sandbox.network ?? {}, origins),
    exec: sandbox.exec ?? null,
    secrets: Object.entries(sandbox.secrets ?? {}).map(([name, words]) => toSecret(name, words)),
    env,
    limits: limitsOf(sandbox.limits ?? {}),
    ...(Object.keys(defaultLimits).length > 0 && { defaults: limitsOf(defaultLimits) }),
    tools: { allow: tools?.allow ?? defaultPolicy.tools.allow, deny: tools?.deny ?? [] },
    mode: sandbox.mode ?? defaultPolicy.mode,
    allowDegraded: sandbox.allowDegraded ?? [],
    ...(vmm !== undefined && { vmm }),
    ...(accel !== undefined && { accel }),
    ...(machine !== undefined && { machine }),
    ...(sandbox.template === 'server' && { template: sandbox.template }),
  }
}

/** Keys that say where and when a sandbox is placed, not what it may do: legal everywhere, without effect in `run`. */
export function unusedKeys(sandbox: SandboxConfig): string[] {
  return [
    ...(sandbox.template === 'boot' ? ['template'] : []),
    ...(sandbox.pool === undefined ? [] : ['pool']),
    ...(sandbox.limits?.idle === undefined ? [] : ['limits.idle']),
    ...(sandbox.network?.allow?.length || sandbox.network?.ask === true ? [] : unusedOfNetwork(sandbox.network ?? {})),
  ]
}

/** With nothing that is allowed, they say how. */
function unusedOfNetwork({ deny = [], private: ranges = [], resolvers = [], limits = {} }: NetworkConfig): string[] {
  return [
    ...(deny.length > 0 ? ['network.deny'] : []),
    ...(ranges.length > 0 ? ['network.private'] : []),
    ...(resolvers.length > 0 ? ['network.resolvers'] : []),
    ...(Object.keys(limits).length > 0 ? ['network.limits'] : []),
  ]
}

/** @throws GloveboxError POLICY_INVALID naming the place of a word, which a manifest or too many ports together may bring */
function networkOf(network: NetworkConfig, origins: Origins): NetworkWords {
  const { connections, bandwidth, bytes, idle } = network.limits ?? {}
  const words: NetworkWords = {
    allow: network.allow ?? [],
    deny: network.deny ?? [],
    private: network.private ?? [],
    resolvers: network.resolvers ?? [],
    publish: network.publish ?? [],
    ...(network.ask === true && { ask: true }),
    limits: {
      ...(connections !== undefined && { connections }),
      ...(bandwidth !== undefined && { bytesPerSecond: bandwidth }),
      ...(bytes !== undefined && { bytes }),
      ...(idle !== undefined && { idleMs: idle }),
    },
  }
  const place = (list: NetworkList, index: number): string => {
    const key = spellPath(['network', list, index])
    return `${(origins.get(key) ?? byDefault).where}: ${key}`
  }
  const tell = { quote: quoted, place }
  publishedPorts(words, resolveNetwork(words, tell), tell)
  return words
}

/**
 * Where and when the sandboxes of a server are placed, and the policies of the tools that have one for each call.
 * @throws GloveboxError HOST_CANNOT
 */
export function placedOf({ sandbox, origins }: Merged, policy: Policy): Placed {
  const each = Object.entries(sandbox.tools?.each ?? {}).map(([tool, own]): [string, Policy] => {
    if (own.lifetime !== undefined && own.lifetime !== 'call') {
      throw missing(
        ['tools', 'each', tool],
        origins,
        'the sandbox of a tool lives for one call',
        'write "lifetime": "call", or leave it out',
      )
    }
    const limits = { ...policy.limits, ...limitsOf(own.limits ?? {}) }
    return [tool, apartPolicy({ ...policy, driver: own.driver ?? policy.driver, limits })]
  })
  const placement = {
    lifetime: sandbox.lifetime ?? 'shared',
    pool: sandbox.pool ?? 0,
    idleMs: sandbox.limits?.idle,
  }
  return { placement, each: Object.fromEntries(each) }
}

/** Of a sandbox for one call: a port of this machine can be published once, by the sandbox that stays. */
export function apartPolicy(policy: Policy): Policy {
  return { ...policy, network: { ...policy.network, publish: [] } }
}

function limitsOf(limits: LimitsConfig): PolicyLimits {
  const { memory, cpus, pids, disk, openFiles, time, message } = limits
  return {
    ...(memory !== undefined && { memoryBytes: memory }),
    ...(cpus !== undefined && { cpus }),
    ...(pids !== undefined && { pids }),
    ...(disk !== undefined && { diskBytes: disk }),
    ...(openFiles !== undefined && { openFiles }),
    ...(time !== undefined && { timeMs: time }),
    ...(message !== undefined && { messageBytes: message }),
  }
}

function workspaceOf({ workspace }: SandboxConfig): Workspace | null {
  return workspace === undefined ? null : { mode: 'copy', ...workspace }
}

function refuseWhatIsMissing(sandbox: SandboxConfig, origins: Origins): void {
  const { limits, group } = sandbox
  if (limits?.output !== undefined) {
    throw missing(
      ['limits', 'output'],
      origins,
      'results are not cut yet',
      'bound them by limits.message, which refuses what is larger',
    )
  }
  if (group !== undefined) {
    throw missing(['group'], origins, 'shared sandboxes are not there yet', 'leave group out')
  }
}

function missing(path: KeyPath, origins: Origins, why: string, fix: string): GloveboxError {
  const key = spellPath(path)
  const { where } = origins.get(key) ?? byDefault
  return new GloveboxError('HOST_CANNOT', `${where}: ${key}: ${why} in this version of Glovebox`, { fix })
}
