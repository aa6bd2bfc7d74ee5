import { places } from '../../system/places.ts'
import { enter } from './entry.ts'
import { findRunning } from './find.ts'
import { runInside, type ProgramOptions } from './run-inside.ts'

/**
 * `exec NAME` and `shell NAME`. Returns the exit code.
 * @throws GloveboxError USAGE where the name means no sandbox, or several
 */
export async function programIn(name: string, kind: 'exec' | 'shell', options: ProgramOptions): Promise<number> {
  const sandbox = findRunning(name, places(process.env))
  return enter(sandbox, { kind, command: options.command }, async (inside) => runInside(inside, options))
}
