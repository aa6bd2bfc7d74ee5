import { GloveboxError } from '../errors.ts'
import type { OwnMachineWords } from '../config/machine-settings.ts'
import type { Policy, PolicyLimits } from '../policy/policy.ts'
import type { Driver, DriverName } from './driver.ts'

/** The only place that knows drivers by name. Each is loaded when it is asked for. */
const loaders: Readonly<Partial<Record<DriverName, () => Promise<Driver>>>> = {
  jail: async () => (await import('./jail/jail-driver.ts')).createJailDriver(process.env),
  microvm: async () => (await import('./microvm/microvm-driver.ts')).createMicrovmDriver(process.env),
}

const planned: readonly DriverName[] = ['container', 'kubernetes']

export const driverNames: readonly DriverName[] = ['jail', 'microvm', ...planned]

/** What a limit is that nobody set, where a driver has other ones than `defaultLimits`: a machine has its memory to itself. */
const defaults: Readonly<Partial<Record<string, PolicyLimits>>> = {
  microvm: { memoryBytes: 256 * 1024 ** 2 },
}

/** Of a policy that no configuration has made: what the user's own one says of the machines of a driver that makes some. */
const ownWords: Readonly<Partial<Record<string, (env: NodeJS.ProcessEnv) => Promise<OwnMachineWords>>>> = {
  microvm: async (env) => (await import('../config/machine-settings.ts')).ownMachineWords(env),
}

/**
 * A policy with its driver's own defaults below those of its profile, and with what a configuration says of machines as limits
 * of its user's, where its driver makes some.
 */
export function withDriverDefaults(policy: Policy): Policy {
  const own = defaults[policy.driver]
  if (own === undefined) return policy
  const limits = { ...policy.machineLimits, ...policy.limits }
  return { ...policy, limits, defaults: { ...own, ...policy.defaults } }
}

/** The same for a start, whose command may be one that no configuration names. @throws GloveboxError for a broken configuration */
export async function completePolicy(policy: Policy, env: NodeJS.ProcessEnv): Promise<Policy> {
  const words = policy.machineLimits === undefined ? await ownWords[policy.driver]?.(env) : undefined
  return withDriverDefaults(words === undefined ? policy : { ...words, ...policy })
}

/** @throws GloveboxError HOST_CANNOT for a driver that this version does not have, USAGE for a name that is none */
export async function loadDriver(name: string): Promise<Driver> {
  const known = driverNames.find((driver) => driver === name)
  if (known === undefined) {
    throw new GloveboxError('USAGE', `--driver: "${name}" is not a driver`, {
      fix: `choose one of ${driverNames.join(', ')}`,
    })
  }
  const load = loaders[known]
  if (!load) {
    throw new GloveboxError('HOST_CANNOT', `--driver ${known}: this version of Glovebox does not have that driver`, {
      fix: `use --driver ${Object.keys(loaders).join(' or ')}`,
    })
  }
  return load()
}

/** Whether sandboxes of that driver have programs of their own, which are taken by their names before this machine's. */
export function hasOwnPrograms(name: string): boolean {
  return name === 'microvm'
}

/** Whether sandboxes of that driver can be clones of one in which the server is up (`template`). */
export function hasTemplates(name: string): boolean {
  return name === 'microvm'
}

/** Whether this version has that driver. */
export function hasDriver(name: DriverName): boolean {
  return loaders[name] !== undefined
}
