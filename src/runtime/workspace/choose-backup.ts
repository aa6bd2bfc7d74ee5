import { GloveboxError } from '../../errors.ts'
import { isWithin } from '../../policy/paths.ts'
import type { BackupFound, WhichBackup } from './backup.ts'
import { isOfRestore, leftOf, pathsOf } from './left-of.ts'
import type { TreePath } from './path.ts'

/** A backup that is meant, and what is to be done of it. */
export interface Chosen {
  readonly backup: BackupFound
  /** What is left of it; all where nothing is. */
  readonly paths: readonly TreePath[]
  /** All of it has been done before, and somebody has named it. */
  readonly isAgain: boolean
}

/**
 * Which backup is meant. Without a name the newest of the workspace that `cwd` is in, of which there is something left to do: one more
 * `restore` goes on with what the one before it has left, or one more sync back, and never undoes the one before it.
 * @param backups the oldest first
 * @throws GloveboxError USAGE where there is none such
 */
export function chooseBackup(
  backups: readonly BackupFound[],
  { name, which, cwd }: { readonly name: string | undefined; readonly which: WhichBackup; readonly cwd: string },
): Chosen {
  if (name !== undefined) {
    const named = backups.find((each) => each.name === name)
    if (named !== undefined && which === 'kept' && named.about.kept.length === 0) {
      throw new GloveboxError('USAGE', `nothing is kept aside in "${name}"`, { fix: waysOut(backups) })
    }
    if (named !== undefined) return chosen(named, which, backups)
    throw new GloveboxError('USAGE', `there is no backup "${name}"`, { fix: waysOut(backups) })
  }
  const here = backups.filter(({ about }) => isWithin(cwd, about.workspace))
  const newest = here.findLast(
    (each) => !(which === 'before' && isOfRestore(each, backups)) && leftOf(each, which, backups).length > 0,
  )
  if (newest !== undefined) return chosen(newest, which, backups)
  throw new GloveboxError('USAGE', whyNone(here.length > 0, { which, cwd }), { fix: waysOut(backups) })
}

function chosen(backup: BackupFound, which: WhichBackup, backups: readonly BackupFound[]): Chosen {
  const left = leftOf(backup, which, backups)
  const isAgain = left.length === 0
  return { backup, paths: isAgain ? pathsOf(backup, which) : left, isAgain }
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
