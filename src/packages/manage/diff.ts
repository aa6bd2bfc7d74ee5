import type { Resolution } from '../resolution.ts'

/** What an update would change, for a person to judge. */
export interface ResolutionDiff {
  readonly roots: readonly { readonly name: string; readonly from: string; readonly to: string }[]
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly { readonly name: string; readonly from: string; readonly to: string }[]
  /** The same version with another hash: the registry serves something else than before. */
  readonly replaced: readonly string[]
  /** Packages that have install scripts now and had none. */
  readonly newScripts: readonly string[]
  /** What they say of the interpreter, when it changed. */
  readonly requires: readonly { readonly name: string; readonly from: string; readonly to: string }[]
}

export function diffResolutions(before: Resolution, after: Resolution): ResolutionDiff {
  const [old, now] = [versionsOf(before), versionsOf(after)]
  const oldScripts = new Set(before.entries.filter(({ scripts }) => scripts).map(({ name }) => name))
  const hashes = new Map(before.entries.map(({ name, version, integrity }) => [`${name}@${version}`, integrity]))
  const rootsBefore = new Map(before.roots.map((root) => [root.name, root]))
  const changedRoots = after.roots.map((to) => ({ name: to.name, from: rootsBefore.get(to.name), to }))
  return {
    roots: changedRoots
      .filter(({ from, to }) => from?.version !== to.version)
      .map(({ name, from, to }) => ({ name, from: from?.version ?? 'none', to: to.version })),
    added: [...now].filter(([name]) => !old.has(name)).map(([name, version]) => `${name}@${version}`),
    removed: [...old].filter(([name]) => !now.has(name)).map(([name, version]) => `${name}@${version}`),
    changed: [...now]
      .map(([name, to]) => ({ name, from: old.get(name) ?? to, to }))
      .filter(({ from, to }) => from !== to),
    replaced: after.entries
      .filter(({ name, version, integrity }) => (hashes.get(`${name}@${version}`) ?? integrity) !== integrity)
      .map(({ name, version }) => `${name}@${version}`),
    newScripts: [...new Set(after.entries.filter(({ scripts }) => scripts).map(({ name }) => name))].filter(
      (name) => !oldScripts.has(name),
    ),
    requires: changedRoots
      .filter(({ from, to }) => from !== undefined && from.requires !== to.requires)
      .map(({ name, from, to }) => ({ name, from: from?.requires ?? '', to: to.requires })),
  }
}

export function isEmpty(diff: ResolutionDiff): boolean {
  return Object.values(diff).every((list: readonly unknown[]) => list.length === 0)
}

/** All versions of each package, as text: a tree may hold two of one. */
function versionsOf({ entries }: Resolution): Map<string, string> {
  const versions = new Map<string, Set<string>>()
  for (const { name, version } of entries) versions.set(name, (versions.get(name) ?? new Set()).add(version))
  return new Map(
    [...versions]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, set]) => [name, [...set].toSorted().join(' + ')]),
  )
}
