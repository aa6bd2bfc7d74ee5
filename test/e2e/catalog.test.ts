import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { findEntry, allEntries } from '../../src/packages/catalog/load.ts'
import { checkEntry, installEntry } from '../support/catalog-check.ts'
import { isLong } from '../support/requirement.ts'

/**
 * Servers of the catalogue, installed from the registries as their entries say, started offline behind the wall with their
 * own policies, and asked. `GLOVEBOX_CATALOG=all` tries every one, which takes half an hour the first time; long runs try
 * two here and eighteen in packages-real.test.ts. The store is kept between runs: what is installed once is there.
 */
const home = path.join(homedir(), '.cache', 'glovebox-test-catalog')
const few: ReadonlySet<string> = new Set(['calculator', 'sheet-music'])
const wanted = process.env['GLOVEBOX_CATALOG'] === 'all'

for (const { name } of allEntries().filter((entry) => wanted || few.has(entry.name))) {
  const skip = wanted || isLong() ? false : 'the registries are asked in long runs only'
  test(`${name} works with the policy of its entry`, { skip, timeout: 600_000 }, async () => {
    const entry = findEntry(name)
    assert.ok(entry)
    await installEntry(entry, { home })
    await checkEntry(entry, { home })
  })
}
