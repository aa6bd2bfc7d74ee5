import { above, byPlace, parentOf, type TreePath } from './path.ts'

/** What stands at a path; two states are the same when all of this is. */
export interface State {
  readonly kind: 'file' | 'directory' | 'link' | 'other'
  /** Permission bits; 0 for a link, which has none. */
  readonly mode: number
  /** Equal for equal contents: a hash, the target of a link, `''` for a directory. */
  readonly content: string
}

/** What stands at each path; the top itself is not among them. */
export type States = ReadonlyMap<TreePath, State>

/** Something that the sandbox did, and the host can take over. */
export interface Change {
  readonly path: TreePath
  readonly op: 'add' | 'change' | 'delete'
  /** What the host has there. */
  readonly was: State | undefined
  /** What the sandbox has there. */
  readonly is: State | undefined
}

/** Something that the sandbox did and the host must not take over. */
export interface Conflict {
  readonly path: TreePath
  /** What the host did, what its directory is, or `held`: nobody has said yes to it. */
  readonly why: 'changed' | 'deleted' | 'added' | 'not-empty' | 'no-directory' | 'held'
  readonly is: State | undefined
}

export interface Outcome {
  /** In the order of a walk. */
  readonly changes: readonly Change[]
  readonly conflicts: readonly Conflict[]
}

/**
 * What of the sandbox's work the host takes over: all that it did where the host is as it was at the start. Where both did the
 * same there is nothing to do; where the host did something else, the host's stays, and the sandbox's is a conflict.
 */
export function compare(
  trees: { readonly original: States; readonly host: States; readonly sandbox: States },
  held: (change: Change) => boolean = () => false,
): Outcome {
  const { original, host, sandbox } = trees
  const wanted = new Map<TreePath, Change>()
  const conflicts = new Map<TreePath, Conflict>()
  for (const path of new Set([...original.keys(), ...sandbox.keys()])) {
    const [o, was, is] = [original.get(path), host.get(path), sandbox.get(path)]
    if (same(o, is) || same(was, is) || (o === undefined && bothDirectories(was, is))) continue
    const op = is === undefined ? 'delete' : was === undefined ? 'add' : 'change'
    const change: Change = { path, op, was, is }
    if (same(o, was) && held(change)) conflicts.set(path, { path, why: 'held', is })
    else if (same(o, was)) wanted.set(path, change)
    else conflicts.set(path, { path, why: was === undefined ? 'deleted' : o === undefined ? 'added' : 'changed', is })
  }
  keepWhatIsNotEmpty(host, wanted, conflicts)
  keepBelowDirectories(host, wanted, conflicts)
  const order = (a: { path: TreePath }, b: { path: TreePath }): number => byPlace(a.path, b.path)
  return { changes: [...wanted.values()].toSorted(order), conflicts: [...conflicts.values()].toSorted(order) }
}

export function same(a: State | undefined, b: State | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.kind === b.kind && a.mode === b.mode && a.content === b.content
}

/** Both have made it: what is in it counts, and its mode is the host's. */
function bothDirectories(a: State | undefined, b: State | undefined): boolean {
  return a?.kind === 'directory' && b?.kind === 'directory'
}

/** A directory goes only when all that is in it goes. */
function keepWhatIsNotEmpty(host: States, wanted: Map<TreePath, Change>, conflicts: Map<TreePath, Conflict>): void {
  const stays = new Set<TreePath>()
  for (const path of host.keys()) {
    if (wanted.get(path)?.op === 'delete') continue
    for (const directory of above(path)) {
      if (stays.has(directory)) break
      stays.add(directory)
    }
  }
  for (const [path, { was, is }] of wanted) {
    if (was?.kind !== 'directory' || is?.kind === 'directory' || !stays.has(path)) continue
    wanted.delete(path)
    conflicts.set(path, { path, why: 'not-empty', is })
  }
}

/** Nothing is put where the host will have no directory for it. From the top down: a directory may be among what is put. */
function keepBelowDirectories(host: States, wanted: Map<TreePath, Change>, conflicts: Map<TreePath, Conflict>): void {
  for (const path of [...wanted.keys()].sort(byPlace)) {
    const change = wanted.get(path)
    const parent = parentOf(path)
    if (change?.is === undefined || parent === '') continue
    const planned = wanted.get(parent)
    const directory = planned === undefined ? host.get(parent) : planned.is
    if (directory?.kind === 'directory') continue
    wanted.delete(path)
    conflicts.set(path, { path, why: 'no-directory', is: change.is })
  }
}
