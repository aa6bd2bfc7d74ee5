import { configuredNames } from '../../config/explain-missing.ts'
import { GloveboxError } from '../../errors.ts'
import { places } from '../../system/places.ts'
import { shellWord } from '../../ui/shell-word.ts'
import { findRunning } from './find.ts'
import { listRunning } from './list.ts'
import type { RunningRecord } from './record.ts'

/**
 * `findRunning`, for a person: where the name is that of a configured server, the error says how it is started.
 * @throws GloveboxError USAGE
 */
export async function requireRunning(name: string, env: NodeJS.ProcessEnv): Promise<RunningRecord> {
  const here = places(env)
  try {
    return findRunning(name, here)
  } catch (error) {
    const isRunning = listRunning(here).some(({ server }) => server === name)
    if (!(error instanceof GloveboxError) || isRunning) throw error
    if (!(await configuredNames(process.cwd(), env)).includes(name)) throw error
    throw new GloveboxError('USAGE', error.message, {
      fix: `it is a configured server: glovebox launch ${shellWord(name)} starts it`,
      cause: error,
    })
  }
}
