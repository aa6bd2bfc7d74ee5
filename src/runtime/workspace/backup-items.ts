import type { BackupItem } from './backup.ts'
import type { Change } from './compare.ts'
import { hashOfOwn, knownHash } from './contents.ts'
import type { TreePath } from './path.ts'
import type { Reach } from './reach.ts'
import { breathing, type Tree } from './tree.ts'

/**
 * What a backup says of changes that are about to be made. Files are read for it: only their contents tell later, whatever has happened
 * meanwhile, that the host has what was put there.
 * @param reach of the sandbox
 * @returns by path, in the order of the changes
 * @throws the system's error; `signal.reason`
 */
export async function itemsOf(
  changes: readonly Change[],
  { hostTree, sandboxTree }: { readonly hostTree: Tree; readonly sandboxTree: Tree },
  reach: Reach,
  signal: AbortSignal | undefined,
): Promise<Map<TreePath, BackupItem>> {
  const items = new Map<TreePath, BackupItem>()
  const breath = breathing(signal)
  for (const { path, op, is: state } of changes) {
    await breath()
    const [was, is] = [hostTree.get(path), op === 'delete' ? undefined : sandboxTree.get(path)]
    const hash = is?.kind === 'file' ? (knownHash(state) ?? (await hashOfOwn(reach, path, signal))) : undefined
    items.set(path, {
      path,
      op,
      was: was === undefined ? null : { kind: was.kind, mode: was.mode },
      is: is === undefined ? null : { kind: is.kind, mode: is.mode, size: is.size, stamp: '', link: is.link, hash },
    })
  }
  return items
}
