import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Pin } from '../pin.ts'
import { packageKey } from '../pin.ts'
import { readIfThere, readRecord, type PackageRecord } from '../store/record.ts'
import { namesIn } from '../store/staging.ts'
import type { Store } from '../store/store.ts'

export interface ListedPackage {
  readonly name: string
  readonly version: string
  readonly ecosystem: 'npm' | 'pypi' | 'mcpb'
  readonly key: string
  /** Undefined: pinned, and not in the store. */
  readonly record: PackageRecord | undefined
  /** What is pinned to it; none: nothing starts it any more. */
  readonly pins: readonly Pin[]
}

/** Everything that is pinned or installed, by name. */
export function listPackages(store: Store): ListedPackage[] {
  const byKey = new Map<string, Pin[]>()
  for (const pin of allPins(store)) {
    const key = packageKey(pin)
    byKey.set(key, [...(byKey.get(key) ?? []), pin])
  }
  const keys = new Set([...byKey.keys(), ...namesIn(store.packages)])
  return [...keys]
    .flatMap((key): ListedPackage[] => {
      const record = readRecord(store, key)
      const pins = byKey.get(key) ?? []
      const root = record?.roots[0] ?? pins[0]?.roots[0]
      const ecosystem = record?.ecosystem ?? pins[0]?.request.ecosystem
      return root === undefined || ecosystem === undefined ? [] : [{ ...root, ecosystem, key, record, pins }]
    })
    .toSorted((a, b) => `${a.name} ${a.version}`.localeCompare(`${b.name} ${b.version}`, 'en'))
}

export function allPins(store: Store): Pin[] {
  return namesIn(store.pins)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const text = readIfThere(join(store.pins, name))
      return text === undefined ? [] : [JSON.parse(text) as Pin]
    })
}

/** Those that a name, a key, or the spelling in a command means; all without one. */
export function findPackages(store: Store, wanted: string | undefined): ListedPackage[] {
  return listPackages(store).filter(
    ({ name, version, key, pins }) =>
      wanted === undefined ||
      [name, `${name}@${version}`, `${name}==${version}`, key].includes(wanted) ||
      pins.some(({ request }) => request.packages[0] === wanted),
  )
}

/** Bytes that the store takes, each shared file once. */
export function storeBytes(store: Store): number {
  return namesIn(store.files)
    .flatMap((name) => readdirSync(join(store.files, name)).map((file) => join(store.files, name, file)))
    .reduce((sum, path) => sum + (lstatSync(path, { throwIfNoEntry: false })?.size ?? 0), 0)
}
