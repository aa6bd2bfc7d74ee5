import type { BackupFound, WhichBackup } from './backup.ts'
import type { TreePath } from './path.ts'

/**
 * What of a backup is still to be put back (`before`), or taken over (`kept`): all of it, without what later backups have done of it and
 * was not undone since.
 * @param all every backup that may be of it
 */
export function leftOf(backup: BackupFound, which: WhichBackup, all: readonly BackupFound[]): TreePath[] {
  const done = doneOf(backup.name, which, all)
  const left = pathsOf(backup, which).filter((path) => !done.has(path))
  const origin = which === 'kept' ? originOf(backup, all) : undefined
  if (origin === undefined) return left
  // What one attempt has kept aside, another one may have done.
  const wanted = new Set(leftOf(origin.backup, origin.which, all))
  return left.filter((path) => wanted.has(path))
}

/** All that a backup has, whether it is done or not. */
export function pathsOf({ about }: BackupFound, which: WhichBackup): readonly TreePath[] {
  return which === 'before' ? about.items.map(({ path }) => path) : about.kept
}

/** Whether it was made by putting another one back, or by taking over what was refused then. */
export function isOfRestore(backup: BackupFound, all: readonly BackupFound[]): boolean {
  if (backup.about.of?.which === 'before') return true
  const origin = originOf(backup, all)
  return origin !== undefined && isOfRestore(origin.backup, all)
}

function doneOf(name: string, which: WhichBackup, all: readonly BackupFound[]): Set<TreePath> {
  const done = new Set<TreePath>()
  for (const later of all) {
    const { of, items } = later.about
    if (of?.name !== name || of.which !== which) continue
    const undoable = new Set(leftOf(later, 'before', all))
    const undone = new Set(items.flatMap(({ path }) => (undoable.has(path) ? [] : [path])))
    for (const path of of.done ?? []) if (!undone.has(path)) done.add(path)
    for (const path of doneOf(later.name, 'kept', all)) done.add(path)
  }
  return done
}

function originOf(
  { about }: BackupFound,
  all: readonly BackupFound[],
): { readonly backup: BackupFound; readonly which: WhichBackup } | undefined {
  const backup = all.find(({ name }) => name === about.of?.name)
  return backup === undefined || about.of === undefined ? undefined : { backup, which: about.of.which }
}
