import { dirname } from 'node:path'
import { fileIn } from '../config/find.ts'
import { readScopes } from '../config/scopes.ts'
import { startOf } from '../config/start.ts'
import { GloveboxError } from '../errors.ts'
import { recognise } from '../packages/recognise/recognise.ts'
import { places as placesOf } from '../system/places.ts'
import { resolved } from './placed-start.ts'

/** Why a start of a server would be refused on this host, as it is now. */
export interface Hindrance {
  readonly server: string
  readonly file: string
  readonly message: string
  readonly fix: string
}

/**
 * Resolves the servers of a configuration as a start would, without starting or installing anything. A package that is not installed
 * yet is no hindrance, since a start installs it.
 * @param only these servers; all that are not disabled, by default
 * @throws GloveboxError for a file that cannot be read
 */
export async function hindrances(
  file: string,
  { env, cwd, only }: { readonly env: NodeJS.ProcessEnv; readonly cwd: string; readonly only?: readonly string[] },
): Promise<Hindrance[]> {
  const places = placesOf(env)
  const { named } = await readScopes({ cwd, places }, file)
  const servers = Object.entries(named?.file.config.mcpServers ?? {})
  const wanted = servers.filter(([name, { enabled }]) => enabled !== false && (only?.includes(name) ?? true))
  // Servers of a project start in its directory, your own wherever you are.
  const from = { env, cwd: fileIn(places.config)?.path === file ? cwd : dirname(file) }
  const found: Hindrance[] = []
  for (const [server] of wanted) {
    const error = await hindranceOf(server, file, from)
    if (error !== undefined) found.push({ server, file, message: error.message, fix: error.fix ?? '' })
  }
  return found
}

async function hindranceOf(
  server: string,
  file: string,
  options: { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
): Promise<GloveboxError | undefined> {
  try {
    const start = await startOf([server], { config: file }, { ...options, servers: true })
    const runner = recognise(start.command)
    // Only its arguments can be looked at before it is installed.
    const command = runner?.kind === 'package' ? [process.execPath, '-e', '', ...runner.args] : start.command
    await resolved({ ...start, command }, start.policy, { dryRun: true })
    return undefined
  } catch (error) {
    if (error instanceof GloveboxError) return error
    throw error
  }
}
