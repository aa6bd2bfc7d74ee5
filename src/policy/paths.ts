import { posix } from 'node:path'
import { sandboxHome } from './environment.ts'

/** Whether `path` is `directory` or lies below it. Both absolute and normalised. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

/** Every directory from the parent of `path` up to `/`. */
export function ancestors(path: string): string[] {
  const found: string[] = []
  for (let at = posix.dirname(path); ; at = posix.dirname(at)) {
    found.push(at)
    if (at === '/') return found
  }
}

/** Where a sandbox has files of its own whatever it is shown. */
export const ownPlaces: readonly string[] = ['/tmp', '/var/tmp', '/run', sandboxHome]

/** Where the jail puts its own: no host path can be mounted over, above or below these. */
const reserved = ['/proc', '/sys', '/dev'] as const

/** Why a host path may not be mounted at `target`, or undefined when it may. */
export function whyReserved(target: string): string | undefined {
  if (target === '/') return 'the whole root of the host cannot be shown to a sandbox'
  const hit = reserved.find((path) => isWithin(target, path))
  return hit === undefined ? undefined : `${hit} inside a sandbox is its own`
}

/** Why a host directory may not be mounted as a whole, though some of what is in it may; or undefined. */
export function whyMixed(target: string): string | undefined {
  if (target === '/etc')
    return 'as a whole it would cover the users, hosts and name servers that a sandbox has of its own'
  // Nothing is ever made in a directory of the host's, so its home would be nowhere.
  return target === posix.dirname(sandboxHome)
    ? `as a whole it would cover ${sandboxHome}, which is a sandbox’s own home`
    : undefined
}
