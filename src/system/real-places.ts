import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { hasCode } from './error-code.ts'
import type { Places } from './places.ts'

/**
 * The same places by their real paths, for who names files of theirs to a jail: a home, or `~/.local/share`, is often a link to another
 * disk, and a jail follows none. What is not there yet is below what is.
 */
export function realPlaces({ config, state, audit, data, cache, runtime }: Places): Places {
  return {
    config: realPath(config),
    state: realPath(state),
    audit: realPath(audit),
    data: realPath(data),
    cache: realPath(cache),
    runtime: realPath(runtime),
  }
}

function realPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch (error) {
    if (!hasCode(error, 'ENOENT') || dirname(path) === path) throw error
    return join(realPath(dirname(path)), basename(path))
  }
}
