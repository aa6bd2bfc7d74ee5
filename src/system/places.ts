import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { GloveboxError } from '../errors.ts'

/** Where Glovebox keeps things; none of them is made by asking. */
export interface Places {
  readonly config: string
  readonly state: string
  readonly audit: string
  readonly data: string
  readonly cache: string
  readonly runtime: string
}

/**
 * XDG places (basedir-spec 0.8), or directories below `GLOVEBOX_HOME`, which moves all of them.
 * Relative values of XDG variables are ignored, as the specification demands.
 * @throws GloveboxError USAGE for a relative `GLOVEBOX_HOME`
 */
export function places(env: NodeJS.ProcessEnv): Places {
  const home = env['GLOVEBOX_HOME']
  if (home !== undefined && home !== '') {
    // It would be another home in each directory.
    if (!isAbsolute(home)) throw notFull(home)
    return below((name) => join(home, name), join(home, 'runtime'))
  }
  const roots = {
    config: xdg(env['XDG_CONFIG_HOME']) ?? join(ownHome(), '.config'),
    state: xdg(env['XDG_STATE_HOME']) ?? join(ownHome(), '.local', 'state'),
    data: xdg(env['XDG_DATA_HOME']) ?? join(ownHome(), '.local', 'share'),
    cache: xdg(env['XDG_CACHE_HOME']) ?? join(ownHome(), '.cache'),
  }
  const runtime = xdg(env['XDG_RUNTIME_DIR'])
  return below(
    (name) => join(roots[name], 'glovebox'),
    runtime === undefined ? `/tmp/glovebox-${process.getuid?.()}` : join(runtime, 'glovebox'),
  )
}

function below(of: (name: 'config' | 'state' | 'data' | 'cache') => string, runtime: string): Places {
  const state = of('state')
  return { config: of('config'), state, audit: join(state, 'audit'), data: of('data'), cache: of('cache'), runtime }
}

function notFull(home: string): GloveboxError {
  return new GloveboxError('USAGE', `GLOVEBOX_HOME is "${home}": a full path is meant`, {
    fix: `GLOVEBOX_HOME=${resolve(home)}, if that is the directory`,
  })
}

/** An id without a passwd entry, and without HOME, has none: Node then throws what nobody understands. */
function ownHome(): string {
  try {
    return homedir()
  } catch (cause) {
    throw new GloveboxError('USAGE', 'this user has no home directory', {
      cause,
      fix: 'set HOME, or GLOVEBOX_HOME, to a directory that can be written',
    })
  }
}

function xdg(value: string | undefined): string | undefined {
  return value?.startsWith('/') === true ? value : undefined
}
