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

/**
 * Of one path; as it is named where no path leads: nobody may look there, a file is in the way, or links lead in a circle.
 * @throws the system's error of anything else, as of a disk that fails
 */
export function realOrNamed(path: string): string {
  try {
    return realPath(path)
  } catch (error) {
    if (hasCode(error, 'EACCES', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return path
    throw error
  }
}

/** How many links a path may lead through, as the kernel has it (path_resolution(7)). */
const mostLinks = 40

function realPath(path: string, links = 0): string {
  try {
    return realpathSync.native(path)
  } catch (error) {
    if (!hasCode(error, 'ENOENT') || dirname(path) === path) throw error
    const parent = realPath(dirname(path), links)
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return join(parent, basename(path))
    // A link to what is not there yet: there it would be made. `l -> missing/../l` is a circle that only counting finds.
    if (links === mostLinks) throw Object.assign(new Error(`${path}: too many links`), { code: 'ELOOP' })
    return realPath(resolve(parent, readlinkSync(path)), links + 1)
  }
}
