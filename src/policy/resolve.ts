import { GloveboxError } from '../errors.ts'
import type { JailLimit, JailLimits } from '../protocol/jail-plan.ts'
import { sandboxEnvironment } from './environment.ts'
import type { HostFacts } from './host-facts.ts'
import { planMounts, unseenIn } from './mounts.ts'
import { publishedPorts, readNetwork, resolveNetwork } from './network/words.ts'
import type { Network } from './network.ts'
import { decide } from './network/decide.ts'
import { requireReachable, type SecretHost } from './secrets.ts'
import { isWithin, ownPlaces, whyReserved } from './paths.ts'
import type { Plan, PlanMount, PlanWorkspace } from './plan.ts'
import { defaultLimits, fewestOpenFiles, type Policy } from './policy.ts'
import { formatBytes } from './sizes.ts'

/** A server of a file. */
export interface Configured {
  readonly name: string
  readonly file: string
}

/**
 * A policy, with what the host has, resolved for one start.
 * @throws GloveboxError POLICY_INVALID or PATH_NOT_VISIBLE, before anything is started
 */
export function resolvePlan(
  server: string,
  policy: Policy,
  facts: HostFacts,
  options: {
    env: Readonly<Record<string, string | undefined>>
    terminal: boolean
    /** Where its policy is written, when that is not a command line. */
    configured?: Configured | undefined
  },
): Plan {
  const mounts = planMounts(policy, facts)
  // Who learns has to be heard asking for names, where nothing is allowed too.
  const network = policy.mode === 'learn' ? readNetwork(policy.network) : resolveNetwork(policy.network)
  requireReachable(policy.secrets, reachable(network))
  const { command } = facts
  requireVisible(command.directories, mounts, options.configured)
  return {
    schema: 'glovebox/plan/1',
    server,
    driver: policy.driver,
    command: {
      path: command.path,
      argv: command.argv,
      cwd: workingDirectory(command.cwd, mounts, denied(policy, facts)),
      env: sandboxEnvironment(options.env, withoutSecrets(policy), {
        searchPath: command.searchPath,
        terminal: options.terminal,
        network: network !== null,
      }),
    },
    mounts,
    workspace: copiedWorkspace(policy, facts),
    deny: unique([...denied(policy, facts), ...unseenIn(mounts, facts)]),
    exec: policy.exec === null ? null : unique([...command.executables, ...command.allowed]),
    network,
    publish: publishedPorts(policy.network, network),
    secrets: policy.secrets,
    limits: planLimits(policy),
    messageBytes: policy.limits.messageBytes ?? defaultsOf(policy).messageBytes,
    tools: policy.tools,
    mode: policy.mode,
    allowDegraded: policy.allowDegraded,
    ...(policy.vmm !== undefined && { vmm: policy.vmm }),
    ...(policy.accel !== undefined && { accel: policy.accel }),
    ...(policy.template !== undefined && { template: policy.template }),
    ...(policy.machine !== undefined && { machine: policy.machine }),
  }
}

function copiedWorkspace({ workspace }: Policy, facts: HostFacts): PlanWorkspace | null {
  if (workspace?.mode !== 'copy') return null
  const { path, sync = null, exclude = [] } = workspace
  return { source: facts.paths.get(path)?.real ?? path, sync, exclude }
}

/** A secret stands under its own name, whatever else was copied there. */
function withoutSecrets({ env, secrets }: Policy): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secrets.some((secret) => secret.name === name)))
}

/** Of a pattern, some name below it stands for all: rules of names have no finer grain than that. */
function reachable(network: Network | null): (host: SecretHost) => boolean {
  return ({ name, below, port }) =>
    network !== null && decide(network, { name: below ? `any.${name}` : name, port }).allowed
}

/**
 * The working directory is kept where it is visible, else `/workspace`. One that something below is seen of is there too, with nothing else
 * in it, and relative paths in arguments mean what they mean outside. Else `/`.
 */
function workingDirectory(cwd: string, mounts: readonly PlanMount[], denied: readonly string[]): string {
  if (isVisible(cwd, mounts)) return cwd
  if (mounts.some((mount) => mount.target === '/workspace')) return '/workspace'
  const isAbove = mounts.some(({ owner, target }) => owner === 'user' && isWithin(target, cwd))
  return isAbove && !denied.some((path) => isWithin(cwd, path)) ? cwd : '/'
}

function isVisible(path: string, mounts: readonly PlanMount[]): boolean {
  return mounts.some((mount) => isWithin(path, mount.target))
}

function requireVisible(
  directories: HostFacts['command']['directories'],
  mounts: readonly PlanMount[],
  configured: Configured | undefined,
): void {
  // Of these no rule shows the host's: a sandbox has a `/proc` and a `/dev` of its own, which are meant then, and no `/sys`.
  const hidden = directories.find(({ path }) => !isVisible(path, mounts) && whyReserved(path) === undefined)
  if (!hidden) return
  const { argument, path } = hidden
  const fix =
    configured === undefined
      ? `add --read ${path}, or --write ${path} if it may change files there`
      : `to "${configured.name}" in ${configured.file} add "sandbox": { "filesystem": { "read": [${JSON.stringify(path)}] } }, or "write" if it may change files there`
  const isOwn = ownPlaces.some((own) => own === path)
  throw new GloveboxError(
    'PATH_NOT_VISIBLE',
    isOwn
      ? `the argument "${argument}" is a directory of this machine, and the sandbox has a ${path} of its own`
      : `the argument "${argument}" is a directory that the sandbox cannot see: ${path}`,
    { fix: isOwn ? `${fix}; where its own is meant, let a shell name it: sh -c 'ls ${path}'` : fix },
  )
}

function denied(policy: Policy, facts: HostFacts): string[] {
  return unique(
    policy.filesystem.deny.flatMap((given) => {
      const fact = facts.paths.get(given)
      return fact === undefined ? [] : [fact.absolute, fact.real ?? fact.absolute]
    }),
  )
}

/** PID_MAX_LIMIT of 64 bits (proc_sys_kernel(5), pid_max), less the few of our own. */
const mostProcesses = 2 ** 22 - 64

function planLimits(policy: Policy): JailLimits {
  const { limits } = policy
  const defaults = defaultsOf(policy)
  const memory = limit(limits.memoryBytes, defaults.memoryBytes)
  // Disk is tmpfs, which is memory: a default never asks for more than there is, a wish for more is a mistake.
  const disk = limit(limits.diskBytes, Math.min(defaults.diskBytes, memory.value))
  if (disk.value > memory.value) {
    throw new GloveboxError(
      'POLICY_INVALID',
      `limits.disk (${formatBytes(disk.value)}) is more than limits.memory (${formatBytes(memory.value)})`,
      {
        fix: 'in the jail, disk is kept in memory: raise --memory or lower --disk',
      },
    )
  }
  if (limits.openFiles !== undefined && limits.openFiles < fewestOpenFiles) {
    throw new GloveboxError('POLICY_INVALID', `limits.openFiles (${limits.openFiles}) is less than a start needs`, {
      fix: `${fewestOpenFiles} is the least: --open-files ${fewestOpenFiles}`,
    })
  }
  if (limits.pids !== undefined && limits.pids > mostProcesses) {
    throw new GloveboxError('POLICY_INVALID', `limits.pids (${limits.pids}) is more than a kernel has`, {
      fix: `${mostProcesses} is the most`,
    })
  }
  return {
    memory,
    cpus: limit(limits.cpus, defaults.cpus),
    pids: limit(limits.pids, defaults.pids),
    disk,
    openFiles: limit(limits.openFiles, defaults.openFiles),
    time: limits.timeMs === undefined ? null : { value: limits.timeMs, explicit: true },
  }
}

function defaultsOf({ defaults }: Policy): typeof defaultLimits {
  return { ...defaultLimits, ...defaults }
}

function limit(wanted: number | undefined, otherwise: number): JailLimit {
  return wanted === undefined ? { value: otherwise, explicit: false } : { value: wanted, explicit: true }
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)]
}
