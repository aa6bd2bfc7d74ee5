import { readFileSync, readdirSync } from 'node:fs'

/**
 * The keys of packages that a running sandbox has mounted, of this user as far as /proc lets us see
 * (proc_pid_mountinfo(5)): their files must not vanish under it.
 */
export function keysInUse(packages: string): Set<string> {
  const found = new Set<string>()
  const pattern = new RegExp(`${escapeForPattern(packages)}/([^/\\s]+)/tree`, 'g')
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const [, key] of mountsOf(pid).matchAll(pattern)) if (key !== undefined) found.add(key)
  }
  return found
}

function mountsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
  } catch (error) {
    // It ended while we looked, or it is somebody else's.
    if (
      error instanceof Error &&
      'code' in error &&
      ['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EINVAL'].includes(String(error.code))
    )
      return ''
    throw error
  }
}

function escapeForPattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
