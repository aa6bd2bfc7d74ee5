import { dirname } from 'node:path'
import { GloveboxError } from '../errors.ts'
import { places } from '../system/places.ts'
import { fileIn } from './find.ts'
import { absolutePath } from './layers/layer.ts'
import type { MicrovmConfig } from './schema/config.ts'

type Accel = NonNullable<MicrovmConfig['accel']>

const words: readonly Accel[] = ['auto', 'kvm', 'tcg']

/** What a user says of machines on this host. */
export interface MachineSettings {
  readonly accel: Accel
  readonly vmm: MicrovmConfig['vmm']
  /** Absolute. */
  readonly firecracker: string | undefined
}

/** @throws GloveboxError as `askedAccelerator` */
export async function machineSettings(env: NodeJS.ProcessEnv): Promise<MachineSettings> {
  const own = await ownSettings(env)
  const { vmm, firecracker, base } = own
  return {
    accel: namedAccelerator(env) ?? own.accel ?? 'auto',
    vmm,
    firecracker: firecracker === undefined ? undefined : absolutePath(firecracker, base),
  }
}

/**
 * What machines are to run on: `GLOVEBOX_ACCEL`, else `microvm.accel` of the user's own configuration. Not of a project's, which
 * says nothing about this machine.
 * @throws GloveboxError USAGE, POLICY_INVALID for a word that is none
 */
export async function askedAccelerator(env: NodeJS.ProcessEnv): Promise<Accel> {
  return namedAccelerator(env) ?? (await ownSettings(env)).accel ?? 'auto'
}

function namedAccelerator(env: NodeJS.ProcessEnv): Accel | undefined {
  const named = env['GLOVEBOX_ACCEL']
  if (named === undefined || named === '') return undefined
  const word = words.find((each) => each === named)
  if (word !== undefined) return word
  throw new GloveboxError('USAGE', `GLOVEBOX_ACCEL is "${named}", which is no accelerator`, {
    fix: `write ${words.join(', ')}, or unset it`,
  })
}

async function ownSettings(env: NodeJS.ProcessEnv): Promise<MicrovmConfig & { readonly base: string }> {
  const found = fileIn(places(env).config)
  if (found === undefined) return { base: '/' }
  // Most users have no file: its schema and parser are loaded where there is one.
  const [{ readConfig }, { readSource }] = await Promise.all([import('./file.ts'), import('./source.ts')])
  const { config } = await readConfig(readSource(found.path))
  return { ...config.microvm, base: dirname(found.path) }
}
