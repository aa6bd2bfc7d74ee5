import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'

/** Programs that images are made with, and the Debian and Ubuntu packages that have them. */
const packageOf = {
  'mkfs.erofs': 'erofs-utils',
  mmdebstrap: 'mmdebstrap',
  unshare: 'util-linux',
  setpriv: 'util-linux',
  perl: 'perl',
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  tar: 'tar',
} as const

export type Tool = keyof typeof packageOf

export const toolsOf: Readonly<Record<'recipe' | 'pack', readonly Tool[]>> = {
  recipe: ['apt-get', 'dpkg-deb', 'mmdebstrap', 'mkfs.erofs', 'perl', 'setpriv', 'unshare'],
  pack: ['mkfs.erofs'],
}

/** Where users have no administrators' directories in PATH, these tools are in them all the same. */
const alwaysLooked = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** PATH with the directories of administrators' programs. */
export function toolPath(env: NodeJS.ProcessEnv, also: readonly string[] = alwaysLooked): string {
  const own = (env['PATH'] ?? '').split(delimiter).filter((directory) => directory.startsWith('/'))
  return [...new Set([...own, ...also])].join(delimiter)
}

/** @throws GloveboxError HOST_CANNOT naming each that is missing, with the line that installs them */
export function requireTools(tools: readonly Tool[], env: NodeJS.ProcessEnv, also?: readonly string[]): void {
  const missing = missingTools(tools, env, also)
  if (missing.length === 0) return
  const packages = [...new Set(missing.map((tool) => packageOf[tool]))]
  throw new GloveboxError('HOST_CANNOT', `${missing.join(', ')}: not installed, and images are made with it`, {
    fix: `sudo apt-get install ${packages.join(' ')} (elsewhere: docs/images.md, "Other hosts")`,
  })
}

export function missingTools(
  tools: readonly Tool[],
  env: NodeJS.ProcessEnv,
  also: readonly string[] = alwaysLooked,
): Tool[] {
  const directories = toolPath(env, also).split(delimiter)
  return tools.filter((tool) => !directories.some((directory) => isExecutable(join(directory, tool))))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false // not there, or not ours to start: the next directory may have it
  }
}
