import type { SyncReport } from '../../protocol/workspace.ts'
import { GloveboxError } from '../../errors.ts'
import { openDirectory } from '../../system/directory.ts'
import type { Places } from '../../system/places.ts'
import type { BackupFound, WhichBackup } from './backup.ts'
import type { Chosen } from './choose-backup.ts'
import type { Manifest, Original } from './manifest.ts'
import { openMerge } from './merge.ts'
import { bytesOf, shown, type TreePath } from './path.ts'
import { emptyReport, restoredReport } from './report.ts'
import { requireSameDirectory } from './sync.ts'
import type { Entry, Tree } from './tree.ts'

export interface Restored {
  readonly report: SyncReport
  /** What of that which was refused can be taken over whatever the host has there (`kept`, of the report's backup). */
  readonly isAside: boolean
}

/**
 * `before`: gives the host back what a sync has replaced or removed, and takes away what it has added, where the host is still as the
 * sync left it. `kept`: takes over what the sync did not, whatever the host has there. Either way with a backup of its own, which says
 * what of it is done: interrupted at any moment, or refused in part, doing it again goes on.
 * @throws GloveboxError, FAILED for a backup that lacks something of it; or the system's error
 */
export async function restore(
  { backup, paths, isAgain }: Chosen,
  which: WhichBackup,
  options: {
    readonly places: Places
    readonly onBytes: (bytes: number) => void
    readonly signal: AbortSignal | undefined
  },
): Promise<Restored> {
  const { about } = backup
  requireSameDirectory(about)
  const host = openDirectory(about.workspace)
  const top = openDirectory(backup.directory)
  const source = top.child(bytesOf(which))
  try {
    const merge = await openMerge({
      ...(which === 'before' ? undoing(backup, new Set(paths)) : taking(new Set(paths))),
      host,
      sandbox: source,
      leaveOut: () => false,
      beside: `.glovebox-sync-${about.id}`,
      growthBytes: Number.POSITIVE_INFINITY,
      signal: options.signal,
    })
    try {
      const { found } = merge
      if (isAgain && found.changes.length === 0 && found.conflicts.length === 0) {
        return { report: emptyReport(about, 'unchanged'), isAside: false }
      }
      const of = { which, name: backup.name, paths }
      const merged = await merge.apply({ ...options, about, of, all: true })
      return { report: restoredReport(about, found, merged), isAside: merged.kept.length > 0 }
    } finally {
      merge.close()
    }
  } finally {
    for (const each of [source, top, host]) each.close()
  }
}

interface Sides {
  readonly original: Manifest | ((host: Tree) => Manifest)
  readonly seen: (sandbox: Tree) => Tree
}

/** Three ways again: what the sync left is the original, what was before it is what is wanted. */
function undoing({ about }: BackupFound, paths: ReadonlySet<TreePath>): Sides {
  const items = about.items.filter(({ path }) => paths.has(path))
  const original = new Map<TreePath, Original>()
  for (const { path, is } of items) {
    if (is === null || is.kind === 'other') continue
    const { kind, mode, size, stamp, link = '', hash = '' } = is
    original.set(path, { kind, mode, size, host: stamp, copy: '', content: kind === 'link' ? link : hash })
  }
  return {
    original,
    seen(tree) {
      const seen = new Map<TreePath, Entry>()
      for (const { path, was } of items) {
        // Directories of the backup have modes of their own.
        if (was !== null) seen.set(path, { ...entryIn(tree, path), mode: was.mode })
      }
      return seen
    },
  }
}

/** What is not there would be taken for what was not there then, and the host's would be removed. */
function entryIn(tree: Tree, path: TreePath): Entry {
  const entry = tree.get(path)
  if (entry !== undefined) return entry
  throw new GloveboxError('FAILED', `the backup is without ${shown(path)}, which it should have: nothing was changed`, {
    fix: 'take what is still in it by hand',
  })
}

/** The user has said yes to these: the host counts as it is. */
function taking(kept: ReadonlySet<TreePath>): Sides {
  return {
    original: (host) =>
      new Map(
        [...host].flatMap(([path, { kind, mode, size, stamp, link = '' }]): [TreePath, Original][] =>
          kept.has(path) && kind !== 'other'
            ? [[path, { kind, mode, size, host: stamp, copy: '', content: link }]]
            : [],
        ),
      ),
    seen: (tree) => new Map([...kept].map((path) => [path, entryIn(tree, path)])),
  }
}
