import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { sha256 } from '../../system/sha256.ts'
import { treeOf, type PackageRecord } from './record.ts'
import { changedSince, readStamps, takeStamps } from './stamps.ts'
import type { Store } from './store.ts'

/**
 * Finds out, before anything of a package runs, that it is what was installed. Files whose stamp is the recorded one
 * were not written since; the contents of the others are compared, and stamped anew when they are right.
 * @throws GloveboxError REFUSED naming the first file that is another
 */
export async function verifyBeforeStart(store: Store, record: PackageRecord): Promise<void> {
  const list = readList(store, record)
  const paths = list.split('\n')
  const now = takeStamps(treeOf(store, record.key), paths)
  const changed = changedSince(readStamps(store, record.key), now)
  if (changed.length === 0) return
  const { verifyContents } = await import('./verify-contents.ts')
  verifyContents(store, record, new Set(changed.map((index) => paths[index] ?? '')))
}

function readList(store: Store, record: PackageRecord): string {
  const bytes = readFileSync(join(store.packages, record.key, 'watched'))
  if (sha256(bytes) !== record.watchedSha256) throw tampered(record, 'its list of files')
  return bytes.toString('utf8')
}

export function tampered({ key, roots }: PackageRecord, what: string): GloveboxError {
  const [root] = roots
  return new GloveboxError(
    'REFUSED',
    `${root?.name ?? key} ${root?.version ?? ''}: ${what} in the store is not what was installed; nothing of it was started`,
    { fix: `glovebox package purge ${key}, then start it again: the pinned versions are installed anew` },
  )
}
