import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { GloveboxError, messageOf } from '../errors.ts'
import { makeDirectory } from './make-directory.ts'
import { runCommand } from './run-command.ts'

/**
 * Ubuntu from 23.10 on lets a program use the capabilities of a new user namespace only under an AppArmor profile that
 * says `userns` (kernel.apparmor_restrict_unprivileged_userns). A profile goes by path, and a path that the user can write
 * would give that right to anything they run: so it is for a copy that root owns, and for nothing else.
 */
export interface AppArmorPlaces {
  readonly sysctl: string
  readonly copy: string
  readonly profile: string
  /** apparmor_parser(8) */
  readonly parser: string
}

export const appArmorPlaces: AppArmorPlaces = {
  sysctl: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
  copy: '/usr/local/libexec/glovebox/glovebox-inside',
  profile: '/etc/apparmor.d/glovebox-inside',
  parser: 'apparmor_parser',
}

/** Whether this host keeps unknown programs from using user namespaces. */
export function isRestricted({ sysctl }: AppArmorPlaces = appArmorPlaces): boolean {
  return existsSync(sysctl) && readFileSync(sysctl, 'utf8').trim() === '1'
}

/** The copy that the profile is for, when it is the same program as `binary`; an older one would not understand us. */
export function permittedCopy(binary: string, { copy }: AppArmorPlaces = appArmorPlaces): string | undefined {
  const stat = statSync(copy, { throwIfNoEntry: false })
  if (stat === undefined || stat.size !== statSync(binary).size) return undefined
  return readFileSync(copy).equals(readFileSync(binary)) ? copy : undefined
}

/** The profile's text: unconfined but for the one right, as Ubuntu writes it for browsers (apparmor.d(5)). */
export function profileText({ copy }: AppArmorPlaces = appArmorPlaces): string {
  return `# Written by "glovebox doctor --fix", removed by "glovebox doctor --fix --undo".
abi <abi/4.0>,
include <tunables/global>

profile glovebox-inside ${copy} flags=(unconfined) {
  userns,
  include if exists <local/glovebox-inside>
}
`
}

/**
 * As root: puts the copy and its profile in place and loads it. Returns what was done.
 * @throws GloveboxError HOST_CANNOT when the profile cannot be loaded; nothing of it is left then
 */
export async function permit(binary: string, places: AppArmorPlaces = appArmorPlaces): Promise<string[]> {
  makeDirectory(dirname(places.copy), 0o755)
  const fresh = join(dirname(places.copy), `.glovebox-inside.${process.pid}`)
  copyFileSync(binary, fresh)
  renameSync(fresh, places.copy)
  writeFileSync(places.profile, profileText(places), { mode: 0o644 })
  const refusal = await parse(places, '--replace')
  if (refusal === undefined) return [`root's copy: ${places.copy}`, `AppArmor profile: ${places.profile}`]
  rmSync(places.profile)
  throw new GloveboxError('HOST_CANNOT', `the AppArmor profile could not be loaded: ${refusal}`, {
    fix: 'see docs/TROUBLESHOOTING.md, "user namespaces are not allowed"',
  })
}

/** As root: takes the profile and the copy away again. Returns what was done. */
export async function forbid(places: AppArmorPlaces = appArmorPlaces): Promise<string[]> {
  const done: string[] = []
  if (existsSync(places.profile)) {
    const refusal = await parse(places, '--remove')
    if (refusal !== undefined)
      throw new GloveboxError('HOST_CANNOT', `the AppArmor profile could not be removed: ${refusal}`)
    rmSync(places.profile)
    done.push(`removed AppArmor profile: ${places.profile}`)
  }
  if (existsSync(places.copy)) {
    rmSync(places.copy)
    done.push(`removed root's copy: ${places.copy}`)
  }
  return done
}

/** What the parser has against it; undefined when nothing. */
async function parse(
  { parser, profile }: AppArmorPlaces,
  action: '--replace' | '--remove',
): Promise<string | undefined> {
  try {
    const { code, stderr } = await runCommand(parser, [action, profile])
    return code === 0 ? undefined : stderr.trim()
  } catch (error) {
    return messageOf(error) // not installed
  }
}
