import type { SyncReport } from '../../protocol/workspace.ts'
import { shown, type TreePath } from './path.ts'
import type { Found } from './merge.ts'
import type { Merged } from './take-over.ts'
import type { Conflict } from './compare.ts'

/** A sandbox can change a million files. */
const mostPaths = 100

const whys: Readonly<Record<Conflict['why'], string>> = {
  changed: 'changed here too',
  deleted: 'deleted here',
  added: 'made here too',
  'not-empty': 'not removed: there is something new in it here',
  'no-directory': 'its directory is not here any more',
  held: '',
}

type About = Pick<SyncReport, 'workspace' | 'id'>

export function emptyReport(about: About, state: SyncReport['state'], copy: string | null = null): SyncReport {
  const none: readonly string[] = []
  return {
    workspace: about.workspace,
    id: about.id,
    state,
    added: 0,
    changed: 0,
    deleted: 0,
    paths: none,
    warnings: none,
    held: none,
    conflicts: none,
    failed: none,
    leftOut: none,
    backup: null,
    copy,
    reason: null,
  }
}

/** Of what is about to be done, or of what was not done. */
export function foundReport(about: About, found: Found, copy: string): SyncReport {
  return {
    ...emptyReport(about, 'kept', copy),
    ...told(found, found.changes, found.conflicts),
    leftOut: bounded(found.special.map(shown)),
  }
}

export function mergedReport(about: About, found: Found, merged: Merged, copy: string): SyncReport {
  const isWhole = merged.failed.length === 0
  return {
    ...emptyReport(about, isWhole ? 'synced' : 'partly', isWhole ? null : copy),
    ...told(found, merged.done, merged.conflicts),
    failed: bounded(merged.failed.map(({ path, why }) => `${shown(path)}: ${why}`)),
    leftOut: bounded(found.special.map(shown)),
    backup: merged.backup ?? null,
  }
}

/** Of a backup: what was not possible is left of it, and there is no copy that would wait. */
export function restoredReport(about: About, found: Found, merged: Merged): SyncReport {
  const isWhole = merged.failed.length === 0 && merged.conflicts.length === 0
  return { ...mergedReport(about, found, merged, ''), state: isWhole ? 'synced' : 'partly', copy: null }
}

function told(
  { warnings }: Found,
  changes: Found['changes'],
  conflicts: Found['conflicts'],
): Pick<SyncReport, 'added' | 'changed' | 'deleted' | 'paths' | 'warnings' | 'held' | 'conflicts'> {
  const count = (op: string): number => changes.filter((change) => change.op === op).length
  const signs = { add: '+', change: '~', delete: '-' } as const
  const why = (path: TreePath): string => `${shown(path)}: ${warnings.get(path) ?? ''}`
  return {
    added: count('add'),
    changed: count('change'),
    deleted: count('delete'),
    paths: bounded(changes.map(({ op, path }) => `${signs[op]} ${shown(path)}`)),
    warnings: bounded(changes.filter(({ path }) => warnings.has(path)).map(({ path }) => why(path))),
    held: bounded(conflicts.filter((conflict) => conflict.why === 'held').map(({ path }) => why(path))),
    conflicts: bounded(
      conflicts
        .filter((conflict) => conflict.why !== 'held')
        .map((conflict) => `${shown(conflict.path)}: ${whys[conflict.why]}`),
    ),
  }
}

function bounded(lines: readonly string[]): string[] {
  return lines.length <= mostPaths
    ? [...lines]
    : [...lines.slice(0, mostPaths), `(and ${lines.length - mostPaths} more)`]
}
