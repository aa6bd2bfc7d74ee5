import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../package-root.ts'
import { readIfThere } from '../store/record.ts'
import type { CatalogEntry } from './entry.ts'

const directory = (): string => join(packageRoot(), 'catalog')

/** The entry of that name; undefined when the catalogue has none. Costs one look for a file. */
export function findEntry(name: string): CatalogEntry | undefined {
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(name)) return undefined
  const text = readIfThere(join(directory(), `${name}.json`))
  return text === undefined ? undefined : (JSON.parse(text) as CatalogEntry)
}

export function allEntries(): CatalogEntry[] {
  return readdirSync(directory())
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => JSON.parse(readFileSync(join(directory(), name), 'utf8')) as CatalogEntry)
}
