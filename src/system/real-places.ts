import { lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
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

/** Of one path; as it is named where nobody may look, or links lead in a circle. */
export function realOrNamed(path: string): string {
  try {
    return realPath(path)
  } catch {
    return path
  }
}

function realPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch (error) {
    if (!hasCode(error, 'ENOENT') || dirname(path) === path) throw error
    // A link to what is not there yet: there it would be made.
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) {
      return realPath(resolve(realPath(dirname(path)), readlinkSync(path)))
    }
    return join(realPath(dirname(path)), basename(path))
  }
}
