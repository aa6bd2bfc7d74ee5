import { homedir } from 'node:os'
import { resolve } from 'node:path'
import type { Policy } from '../policy/policy.ts'
import { places as placesOf } from '../system/places.ts'
import { flagsLayer } from './layers/flags.ts'
import { mergeLayers, type Layer } from './layers/layer.ts'
import type { Origins } from './layers/origin.ts'
import { placedOf, policyOf, type Placed } from './layers/policy.ts'
import type { PolicyFlags } from './policy-flags.ts'
import { profileFolders } from './profile/folder.ts'
import { profileLayer } from './profile/layer.ts'

/** The policy of a command that no configuration names: its profile, a manifest, the flags. */
export async function policyForCommand(
  command: readonly string[],
  options: {
    readonly cwd: string
    readonly env: NodeJS.ProcessEnv
    readonly flags: PolicyFlags
    readonly profile: string | undefined
    readonly manifest: string | undefined
    /** What is known of the command, over its profile. */
    readonly known?: readonly Layer[]
  },
): Promise<{ readonly policy: Policy; readonly origins: Origins; readonly placed: Placed }> {
  const { cwd, env, flags, manifest } = options
  const folders = profileFolders(undefined, placesOf(env))
  const profile = profileLayer({ server: undefined, wanted: options.profile, command, folders, home: homedir() })
  const manifests =
    manifest === undefined ? [] : [await (await import('./manifest/manifest.ts')).manifestLayer(resolve(cwd, manifest))]
  const merged = mergeLayers([profile.layer, ...(options.known ?? []), ...manifests, flagsLayer(flags, options)])
  const policy = policyOf(merged)
  return { policy, origins: merged.origins, placed: placedOf(merged, policy) }
}
