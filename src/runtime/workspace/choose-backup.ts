import { GloveboxError } from '../../errors.ts'
import { isWithin } from '../../policy/paths.ts'
import type { BackupFound, WhichBackup } from './backup.ts'

/**
 * Which backup is meant. Without a name the newest of the workspace that `cwd` is in, of which there is something left to do: one more
 * `restore` goes one more sync back, and never undoes the one before it.
 * @param backups the oldest first
 * @throws GloveboxError USAGE where there is none such
 */
export function chooseBackup(
  backups: readonly BackupFound[],
  { name, which, cwd }: { readonly name: string | undefined; readonly which: WhichBackup; readonly cwd: string },
): BackupFound {
  if (name !== undefined) {
    const named = backups.find((each) => each.name === name)
    if (named !== undefined) return named
    throw new GloveboxError('USAGE', `there is no backup "${name}"`, { fix: waysOut(backups) })
  }
  const here = backups.filter(({ about }) => isWithin(cwd, about.workspace))
  const done = new Set(here.map(({ about }) => (about.of?.which === which ? about.of.name : undefined)))
  const left = here.filter((each) => !done.has(each.name) && isLeft(each, which))
  const newest = left.at(-1)
  if (newest !== undefined) return newest
  throw new GloveboxError('USAGE', whyNone(here.length > 0, { which, cwd }), { fix: waysOut(backups) })
}

function isLeft({ about }: BackupFound, which: WhichBackup): boolean {
  return which === 'before' ? about.of?.which !== 'before' : about.kept.length > 0
}

function whyNone(isHere: boolean, { which, cwd }: { which: WhichBackup; cwd: string }): string {
  if (!isHere) return `there is no backup of ${cwd}, or of a directory above it`
  return which === 'before'
    ? `every sync to ${cwd} that there is a backup of has been put back`
    : `nothing that a sync to ${cwd} kept aside is left to be taken over`
}

function waysOut(backups: readonly BackupFound[]): string {
  return backups.length === 0
    ? 'a sandbox with --workspace DIR makes one at its end'
    : 'name one of those that glovebox workspace list shows'
}
