import { findFirecracker, firecrackerSays, readVersion } from '../../../src/drivers/microvm/firecracker/find.ts'
import { GloveboxError } from '../../../src/errors.ts'
import { whyNotNested } from './nested.ts'

/** Why Firecracker cannot be tried here; undefined when it can. None is downloaded: who has one puts it into PATH. */
export async function whyNoFirecracker(): Promise<string | undefined> {
  try {
    const path = findFirecracker(process.env)
    readVersion(path, await firecrackerSays(path))
  } catch (error) {
    if (error instanceof GloveboxError) return error.message
    throw error
  }
  return whyNotNested()
}

/** For `runNested`: in the machine it is in /opt/brought. */
export function broughtFirecracker(): Readonly<Record<string, string>> {
  return { firecracker: findFirecracker(process.env) }
}

/**
 * The ordinary user's control groups, as systemd gives them: without, their jail has no memory files, which Firecracker needs
 * (docs/microvm.md, "Two VMMs"). Whoever is in `$groups/login` has them.
 */
export const userGroups = `
groups=/sys/fs/cgroup/alice
echo '+cpu +memory +pids' > /sys/fs/cgroup/cgroup.subtree_control
mkdir $groups
echo '+cpu +memory +pids' > $groups/cgroup.subtree_control
mkdir $groups/login
for each in $groups $groups/login; do
  chown alice $each $each/cgroup.procs $each/cgroup.subtree_control $each/cgroup.threads
done
glove() { as_user node /opt/glovebox/bin/glovebox.cjs "$@"; }
`
