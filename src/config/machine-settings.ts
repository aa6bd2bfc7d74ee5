import { dirname } from 'node:path'
import { GloveboxError } from '../errors.ts'
import { places } from '../system/places.ts'
import { fileIn } from './find.ts'
import { absolutePath } from './layers/layer.ts'
import type { AccelName, OwnMachine } from '../policy/plan.ts'
import type { Policy } from '../policy/policy.ts'
import type { MicrovmConfig } from './schema/config.ts'

type Vmm = NonNullable<MicrovmConfig['vmm']>

const accelerators: readonly AccelName[] = ['auto', 'kvm', 'tcg']
const vmms: readonly Vmm[] = ['firecracker', 'qemu']

/** What a user says of machines on this host. */
export interface MachineSettings {
  readonly accel: AccelName
  readonly vmm: MicrovmConfig['vmm']
  /** Absolute. */
  readonly firecracker: string | undefined
}

/** `GLOVEBOX_VMM` is over the configuration too. @throws GloveboxError as `askedAccelerator` */
export async function machineSettings(env: NodeJS.ProcessEnv): Promise<MachineSettings> {
  const own = await ownSettings(env)
  const { vmm, firecracker, base } = own
  return {
    accel: namedAccelerator(env) ?? own.accel ?? 'auto',
    vmm: named(env, 'GLOVEBOX_VMM', { words: vmms, kind: 'VMM' }) ?? vmm,
    firecracker: firecracker === undefined ? undefined : absolutePath(firecracker, base),
  }
}

/**
 * What machines are to run on: `GLOVEBOX_ACCEL`, else `microvm.accel` of the user's own configuration. Not of a project's, which
 * says nothing about this machine.
 * @throws GloveboxError USAGE, POLICY_INVALID for a word that is none
 */
export async function askedAccelerator(env: NodeJS.ProcessEnv): Promise<AccelName> {
  return namedAccelerator(env) ?? (await ownSettings(env)).accel ?? 'auto'
}

function namedAccelerator(env: NodeJS.ProcessEnv): AccelName | undefined {
  return named(env, 'GLOVEBOX_ACCEL', { words: accelerators, kind: 'accelerator' })
}

/** A variable of the environment over the configuration, for one start or a run of tests. Empty is as good as unset. */
function named<Word extends string>(
  env: NodeJS.ProcessEnv,
  variable: string,
  { words, kind }: { readonly words: readonly Word[]; readonly kind: string },
): Word | undefined {
  const value = env[variable]
  if (value === undefined || value === '') return undefined
  const word = words.find((each) => each === value)
  if (word !== undefined) return word
  throw new GloveboxError('USAGE', `${variable} is "${value}", which is no ${kind}`, {
    fix: `write ${words.join(', ')}, or unset it`,
  })
}

/** What a policy takes of it. */
export type OwnMachineWords = Required<Pick<Policy, 'machineLimits'>> & Pick<Policy, 'machine'>

/**
 * What the user's own configuration says of the machines of a command that no configuration names.
 * @throws GloveboxError POLICY_INVALID with its place
 */
export async function ownMachineWords(env: NodeJS.ProcessEnv): Promise<OwnMachineWords> {
  const { memory, cpus, kernel = null, rootfs = null, image, base } = await ownSettings(env)
  const at = (path: string | null): string | null => (path === null ? null : absolutePath(path, base))
  const machine: OwnMachine = { kernel: at(kernel), rootfs: at(rootfs), ...(image !== undefined && { image }) }
  return {
    machineLimits: { ...(memory !== undefined && { memoryBytes: memory }), ...(cpus !== undefined && { cpus }) },
    ...((machine.kernel ?? machine.rootfs ?? image ?? null) !== null && { machine }),
  }
}

async function ownSettings(env: NodeJS.ProcessEnv): Promise<MicrovmConfig & { readonly base: string }> {
  const found = fileIn(places(env).config)
  if (found === undefined) return { base: '/' }
  // Most users have no file: its schema and parser are loaded where there is one.
  const [{ readConfig }, { readSource }] = await Promise.all([import('./file.ts'), import('./source.ts')])
  const { config } = await readConfig(readSource(found.path))
  return { ...config.microvm, base: dirname(found.path) }
}
