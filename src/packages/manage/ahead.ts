import { GloveboxError } from '../../errors.ts'
import { ensureInstalled, type Installed, type InstallOptions } from '../install.ts'
import { readLockFile, writeLocked, type LockOptions } from '../lock-file.ts'
import type { PackageCommand } from '../package-command.ts'
import { readResolution, type Pin } from '../pin.ts'
import { recognise } from '../recognise/recognise.ts'

/** Installs what a command means, so that its first start is like any other. */
export async function installAhead(command: readonly string[], options: InstallOptions): Promise<Installed> {
  return ensureInstalled(packageCommand(command).request, options)
}

/** Installs everything that a lock file has. */
export async function installLocked(lock: LockOptions, options: InstallOptions): Promise<Installed[]> {
  const file = readLockFile(lock.path)
  if (file === undefined) {
    throw new GloveboxError('USAGE', `${lock.path} is not there`, {
      fix: 'name a command to install, or another file with --lock',
    })
  }
  const installed: Installed[] = []
  for (const { request } of file.packages) installed.push(await ensureInstalled(request, { ...options, lock }))
  return installed
}

/** Writes what a command is pinned to into a lock file, installing it when it is not yet. */
export async function lockCommand(
  command: readonly string[],
  path: string,
  options: InstallOptions,
): Promise<Pick<Pin, 'roots'>> {
  const { pin } = await installAhead(command, options)
  const resolution = readResolution(options.store, pin.resolution)
  if (resolution === undefined) {
    throw new GloveboxError('FAILED', 'the versions that it was pinned to are lost', {
      fix: 'glovebox package update --yes',
    })
  }
  writeLocked(path, { request: pin.request, resolution, allowScripts: pin.allowScripts })
  return { roots: pin.roots }
}

function packageCommand(command: readonly string[]): PackageCommand {
  const recognised = recognise(command)
  if (recognised?.kind === 'package') return recognised
  throw new GloveboxError('USAGE', `"${command.join(' ')}" is not a command of a package runner`, {
    fix: 'write it as a client has it: npx -y NAME, uvx NAME',
  })
}
