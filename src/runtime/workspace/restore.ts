import type { SyncReport } from '../../protocol/workspace.ts'
import { openDirectory } from '../../system/directory.ts'
import type { Places } from '../../system/places.ts'
import type { BackupFound, WhichBackup } from './backup.ts'
import type { Manifest, Original } from './manifest.ts'
import { openMerge } from './merge.ts'
import { bytesOf, type TreePath } from './path.ts'
import { mergedReport } from './report.ts'
import { requireSameDirectory } from './sync.ts'
import type { Entry, Tree } from './tree.ts'

/**
 * `before`: gives the host back what a sync has replaced or removed, and takes away what it has added, where the host is still as the
 * sync left it. `kept`: takes over what the sync did not, whatever the host has there. Either way with a backup of its own.
 * @throws GloveboxError, or the system's error
 */
export async function restore(
  backup: BackupFound,
  which: WhichBackup,
  options: {
    readonly places: Places
    readonly onBytes: (bytes: number) => void
    readonly signal: AbortSignal | undefined
  },
): Promise<SyncReport> {
  const { about } = backup
  requireSameDirectory(about)
  const host = openDirectory(about.workspace)
  const top = openDirectory(backup.directory)
  const source = top.child(bytesOf(which))
  try {
    const merge = await openMerge({
      ...(which === 'before' ? undoing(backup) : taking(backup)),
      host,
      sandbox: source,
      leaveOut: () => false,
      beside: `.glovebox-sync-${about.id}`,
      growthBytes: Number.POSITIVE_INFINITY,
      signal: options.signal,
    })
    try {
      const of = { which, name: backup.name }
      const merged = await merge.apply({ ...options, about: { ...about, of }, all: true })
      return mergedReport(about, merge.found, merged, backup.directory)
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
function undoing({ about }: BackupFound): Sides {
  const original = new Map<TreePath, Original>()
  for (const { path, is } of about.items) {
    if (is === null || is.kind === 'other') continue
    const { kind, mode, size, stamp, link = '' } = is
    original.set(path, { kind, mode, size, host: stamp, copy: '', content: kind === 'link' ? link : '' })
  }
  return {
    original,
    seen(tree) {
      const seen = new Map<TreePath, Entry>()
      for (const { path, was } of about.items) {
        const entry = tree.get(path)
        // Directories of the backup have modes of their own.
        if (was !== null && entry !== undefined) seen.set(path, { ...entry, mode: was.mode })
      }
      return seen
    },
  }
}

/** The user has said yes to these: the host counts as it is. */
function taking({ about }: BackupFound): Sides {
  const kept = new Set(about.kept)
  return {
    original: (host) =>
      new Map(
        [...host].flatMap(([path, { kind, mode, size, stamp, link = '' }]): [TreePath, Original][] =>
          kept.has(path) && kind !== 'other'
            ? [[path, { kind, mode, size, host: stamp, copy: '', content: link }]]
            : [],
        ),
      ),
    seen: (tree) => new Map([...tree].filter(([path]) => kept.has(path))),
  }
}
