import { GloveboxError } from '../errors.ts'
import { shellWord } from '../ui/shell-word.ts'

export interface Missing {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** `--config`: there a name is a server's, or it is an error before this. */
  readonly config: string | undefined
  /** The verb and its words, as they are written before the name: `launch`, `policy show`. */
  readonly verb: string
}

/**
 * What a person meant whose command is not there: a configured server with words behind its name, or a name that is near to one.
 * Returns the error itself where nothing is near.
 */
export async function explainMissing(
  missing: unknown,
  [name = '', ...more]: readonly string[],
  { cwd, env, config, verb }: Missing,
): Promise<unknown> {
  if (!(missing instanceof GloveboxError) || missing.code !== 'NOT_FOUND') return missing
  if (config !== undefined || name.includes('/') || !isOf(missing, name)) return missing
  const names = await configuredNames(cwd, env)
  // It is the server's own command that is not there.
  if (names.includes(name) && more.length === 0) return missing
  if (names.includes(name)) return behindName(name, more, verb)
  const { nearest } = await import('./schema/nearest.ts')
  const near = nearest(name, names)
  if (near !== undefined) {
    return new GloveboxError(missing.code, missing.message, {
      fix: `did you mean the server "${near}"?`,
      cause: missing,
    })
  }
  // A word alone may have been meant as a server or as a program.
  if (more.length > 0 || missing.message.includes('no such server')) return missing
  return new GloveboxError(missing.code, `${name}: no such server is configured, and no such program is in PATH`, {
    fix: 'glovebox list shows all servers; of a program write the full path',
    cause: missing,
  })
}

/** Whether it is this word that is not there, and not something that a program of this name was given. */
export function isOf(missing: GloveboxError, word: string): boolean {
  return missing.message.startsWith(`${word}: no such `)
}

/** What is wrong with words behind the name of a configured server. */
export function behindName(name: string, more: readonly string[], verb: string): GloveboxError {
  const words = more.map(shellWord).join(' ')
  if (more.some((word) => word.startsWith('-'))) {
    return new GloveboxError('USAGE', `"${name}" is a configured server, and options behind its name are not ours`, {
      fix: `write them before it: glovebox ${verb} ${words} ${name}`,
    })
  }
  return new GloveboxError('USAGE', `"${name}" is a configured server, and there is "${words}" behind its name`, {
    fix: `its arguments are in the file ("args"): leave the rest out, or write the whole command: glovebox ${verb} -- COMMAND ${words}`,
  })
}

/** The names of the servers that are configured here; a file that cannot be read is told by whoever needs it. */
export async function configuredNames(cwd: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const { hasConfiguration } = await import('./find.ts')
  if (!hasConfiguration(cwd, env)) return []
  const [{ readScopes }, { listServers }, { places }] = await Promise.all([
    import('./scopes.ts'),
    import('./overview.ts'),
    import('../system/places.ts'),
  ])
  return listServers(await readScopes({ cwd, places: places(env) }, undefined)).map((server) => server.name)
}
