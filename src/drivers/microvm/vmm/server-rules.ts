import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { looksSecret, redactCommand, redacted } from '../../../audit/redact.ts'
import { GloveboxError } from '../../../errors.ts'
import type { Plan } from '../../../policy/plan.ts'
import type { JailMount } from '../../../protocol/jail-plan.ts'
import type { StartOptions } from '../../driver.ts'
import type { Division } from './guest-plan.ts'

/** What in a guest of a server's template has init's own files in it, which are written anew in each clone. */
export const renewedMounts: readonly JailMount[] = [
  ['/run/machine-id', '/etc/machine-id'],
  ['/run/hostname', '/etc/hostname'],
  ['/run/hosts', '/etc/hosts'],
  ['/run/boot-id', '/proc/sys/kernel/random/boot_id'],
].map(([source = '', target = '']) => ({ source, target, access: 'read', exec: false, owner: 'system' }))

/** A file, and what makes it that one. */
export interface Drive {
  readonly path: string
  readonly ino: string
  readonly born: string
}

/**
 * What is in a template is on the disk, and the same in all its clones. What must not be either, or is made for one start, is not
 * left out but refused.
 * @throws GloveboxError HOST_CANNOT naming the key
 */
export function requireInTemplate(
  plan: Plan,
  { egress }: Pick<StartOptions, 'egress'>,
  { copied, given }: Pick<Division, 'copied' | 'given'>,
): void {
  const { command, secrets, network, publish, limits, workspace } = plan
  if (secrets.length > 0) throw cannot('secrets', 'they would be in its memory, on the disk')
  if (network !== null || egress !== undefined) {
    throw cannot('network.allow', 'the way out is opened for one start, and the server would have it before that')
  }
  if (publish.length > 0) throw cannot('network.publish', 'its ports are opened for one start')
  if (workspace !== null || copied.length > 0) throw cannot('workspace', 'the copy is made for one start')
  if (limits.time !== null) throw cannot('limits.time', 'its time would have begun when the template was made')
  const seen = given.find(({ why }) => why === 'filesystem.read' || why === 'workspace')
  if (seen !== undefined) throw cannot(seen.why, `${seen.source} would stay as it was when the template was made`)
  const told = Object.entries(command.env).find(([name, value]) => looksSecret(name, value))
  if (told !== undefined) {
    throw cannot(`env.${told[0]}`, 'it looks like a secret, which would be in its memory, on the disk')
  }
  if (redactCommand(command.argv).some((word) => word.includes(redacted)))
    throw cannot('command', 'an argument looks like a secret')
}

/**
 * What tells servers in templates apart, besides the machine: all that the sandbox is made from.
 * @param drive the file with the host's files, null where none are given
 */
export function serverKey(plan: Plan, channel: boolean, drive: Drive | null): string {
  const { command, mounts, deny, exec, limits, mode, allowDegraded } = plan
  const parts = [2, command, mounts, deny, exec, limits, mode, allowDegraded, channel, drive]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

/** Whether a template's drive is still the one that its clones would be given. */
export function isDriveThere(drive: Drive | null): boolean {
  if (drive === null) return true
  const found = statSync(drive.path, { bigint: true, throwIfNoEntry: false })
  return found !== undefined && String(found.ino) === drive.ino && String(found.birthtimeNs) === drive.born
}

/** Its name stands for its contents; packed anew, it may have them in other places, and a clone has some of them in its memory. */
export function driveAt(path: string): Drive {
  const { ino, birthtimeNs } = statSync(path, { bigint: true })
  return { path, ino: String(ino), born: String(birthtimeNs) }
}

function cannot(key: string, why: string): GloveboxError {
  return new GloveboxError('HOST_CANNOT', `template "server" and ${key} do not go together: ${why}`, {
    fix: `write "template": "boot", or leave ${key} out`,
  })
}
