import { accessSync, constants, lstatSync, realpathSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { GloveboxError, messageOf } from '../../../errors.ts'
import type { JailMount } from '../../../protocol/jail-plan.ts'
import { runCommand } from '../../../system/run-command.ts'

/** Where a program of this name is, by PATH, links followed. */
export function inPath(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const found = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, name))
    .find((path) => isExecutable(path))
  return found === undefined ? undefined : realpathSync.native(found)
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false // not there, or not ours to start
  }
}

/** What a program of the system is started with: `outside` is what else one needs that lies elsewhere. */
export function systemMounts(path: string, outside: (path: string) => readonly JailMount[]): JailMount[] {
  const mounts: JailMount[] = systemPaths
    .filter((each) => lstatSync(each, { throwIfNoEntry: false })?.isSymbolicLink() === false)
    .map((each) => ({ source: each, target: each, access: 'read', exec: each !== loaderCache, owner: 'system' }))
  return mounts.some(({ target }) => path.startsWith(`${target}/`)) ? mounts : [...mounts, ...outside(path)]
}

const loaderCache = '/etc/ld.so.cache'
const systemPaths = ['/usr', '/bin', '/lib', '/lib64', '/nix/store', '/gnu/store', loaderCache]

/** What a dynamic program is started by. */
export function loaders(): string[] {
  const usual = [
    '/lib64/ld-linux-x86-64.so.2',
    '/lib/ld-linux-aarch64.so.1',
    '/lib/ld-musl-x86_64.so.1',
    '/lib/ld-musl-aarch64.so.1',
  ]
  return usual
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .map((path) => realpathSync.native(path))
}

/** The first of what a program says to `--version`. @throws GloveboxError HOST_CANNOT with this fix where it cannot be started */
export async function versionText(path: string, fix: string): Promise<string> {
  try {
    const { stdout } = await runCommand(path, ['--version'])
    return stdout.slice(0, 1000)
  } catch (cause) {
    throw new GloveboxError('HOST_CANNOT', `${path} cannot be started: ${messageOf(cause)}`, { cause, fix })
  }
}
