import { GloveboxError } from '../errors.ts'
import { places } from '../system/places.ts'
import { fileIn } from './find.ts'
import type { MicrovmConfig } from './schema/config.ts'

type Accel = NonNullable<MicrovmConfig['accel']>

const words: readonly Accel[] = ['auto', 'kvm', 'tcg']

/**
 * What machines are to run on: `GLOVEBOX_ACCEL`, else `microvm.accel` of the user's own configuration. Not of a project's, which
 * says nothing about this machine.
 * @throws GloveboxError USAGE, POLICY_INVALID for a word that is none
 */
export async function askedAccelerator(env: NodeJS.ProcessEnv): Promise<Accel> {
  const named = env['GLOVEBOX_ACCEL']
  if (named !== undefined && named !== '') {
    const word = words.find((each) => each === named)
    if (word !== undefined) return word
    throw new GloveboxError('USAGE', `GLOVEBOX_ACCEL is "${named}", which is no accelerator`, {
      fix: `write ${words.join(', ')}, or unset it`,
    })
  }
  const found = fileIn(places(env).config)
  if (found === undefined) return 'auto'
  // Most users have no file: its schema and parser are loaded where there is one.
  const [{ readConfig }, { readSource }] = await Promise.all([import('./file.ts'), import('./source.ts')])
  const { config } = await readConfig(readSource(found.path))
  return config.microvm?.accel ?? 'auto'
}
