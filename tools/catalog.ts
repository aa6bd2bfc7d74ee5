import { readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { allEntries, findEntry } from '../src/packages/catalog/load.ts'
import type { CatalogEntry } from '../src/packages/catalog/entry.ts'
import { checkEntry, installEntry } from '../test/support/catalog-check.ts'
import { root } from './checks.ts'

/**
 * `node tools/catalog.ts [NAME…]`: finds the smallest memory and number of processes that a server of the catalogue does
 * its check with, and writes twice that into its entry, and no less than 256M and 32: real work is larger than a check.
 * Servers are installed from the registries first.
 */
const home = process.env['GLOVEBOX_CATALOG_HOME'] ?? path.join(homedir(), '.cache', 'glovebox-test-catalog')
const names = process.argv.slice(2)
const chosen = names.length > 0 ? names.map((name) => findEntry(name)) : allEntries()

for (const entry of chosen) {
  if (entry === undefined) throw new Error('no such entry')
  await measure(entry)
}

async function measure(entry: CatalogEntry): Promise<void> {
  const { limits: _before, ...sandbox } = entry.sandbox
  const bare = { ...entry, sandbox }
  await installEntry(entry, { home })
  if (!(await works(bare, []))) return void process.stdout.write(`${entry.name}: does not pass its check\n`)
  const memory = await smallest([48, 64, 96, 128, 192, 256, 384, 512, 1024], async (size) =>
    works(bare, ['--memory', `${size}M`]),
  )
  const pids = await smallest([8, 12, 16, 24, 32, 64, 128, 256], async (count) =>
    works(bare, ['--pids', String(count)]),
  )
  if (memory === undefined || pids === undefined)
    return void process.stdout.write(`${entry.name}: no limit is enough\n`)
  const limits = { memory: `${Math.max(256, memory * 2)}M`, pids: Math.max(32, pids * 2) }
  const file = path.join(root, 'catalog', `${entry.name}.json`)
  const written = JSON.parse(readFileSync(file, 'utf8')) as CatalogEntry
  writeFileSync(file, `${JSON.stringify({ ...written, sandbox: { ...written.sandbox, limits } }, null, 2)}\n`)
  process.stdout.write(
    `${entry.name}: works with ${memory}M and ${pids} processes; written: ${JSON.stringify(limits)}\n`,
  )
}

/** The first of the rising values that works. What works with little works with more: the middle is tried first. */
async function smallest(
  values: readonly number[],
  attempt: (value: number) => Promise<boolean>,
): Promise<number | undefined> {
  let [low, high] = [0, values.length]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (await attempt(values[middle] ?? 0)) high = middle
    else low = middle + 1
  }
  return values[low]
}

async function works(entry: CatalogEntry, flags: readonly string[]): Promise<boolean> {
  return checkEntry(entry, { home, flags }).then(
    () => true,
    (error: unknown) => {
      if (flags.length === 0) process.stdout.write(`${String(error).slice(0, 1000)}\n`)
      return false
    },
  )
}
