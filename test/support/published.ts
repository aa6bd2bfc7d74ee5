import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { publish } from '../../src/packages/store/publish.ts'
import type { PackageRecord } from '../../src/packages/store/record.ts'
import { stage } from '../../src/packages/store/staging.ts'
import type { Store } from '../../src/packages/store/store.ts'

/** A package of these files, put into a store as an installation does it. */
export function publishPackage(store: Store, key: string, files: Readonly<Record<string, string>>): PackageRecord {
  const staged = stage(store, key)
  for (const [name, text] of Object.entries(files)) {
    const full = path.join(staged, 'tree', name)
    mkdirSync(path.dirname(full), { recursive: true })
    writeFileSync(full, text)
  }
  return publish(store, staged, {
    key,
    ecosystem: 'npm',
    roots: [{ name: key, version: '1.0.0' }],
    resolution: 'r',
    abi: 'node',
    packages: 1,
    executables: {},
    scripts: [],
  })
}
