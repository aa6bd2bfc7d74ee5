import { enter } from './entry.ts'
import { requireRunning } from './require.ts'
import { runInside, type ProgramOptions } from './run-inside.ts'

/**
 * `exec NAME` and `shell NAME`. Returns the exit code.
 * @throws GloveboxError USAGE where the name means no sandbox, or several
 */
export async function programIn(name: string, kind: 'exec' | 'shell', options: ProgramOptions): Promise<number> {
  const sandbox = await requireRunning(name, process.env)
  return enter(sandbox, { kind, command: options.command }, async (inside) => runInside(inside, options))
}
