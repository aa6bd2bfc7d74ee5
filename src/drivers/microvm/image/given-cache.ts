import { lstatSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { namesIn } from '../../../packages/store/staging.ts'

/** What is kept of packed drives: so many of them, and so much. A sandbox that has one open keeps it until it ends. */
const most = { files: 32, bytes: 8 * 1024 ** 3 }
/** A temporary file this old is nobody's any more. */
const strandedMs = 24 * 3600 * 1000

/** Removes the drives that were not used for longest, down to what is kept. */
export function evict(directory: string, now: number = Date.now()): void {
  const files = namesIn(directory)
    .map((name) => ({ path: join(directory, name), stat: lstatSync(join(directory, name), { throwIfNoEntry: false }) }))
    .flatMap(({ path, stat }) => (stat === undefined ? [] : [{ path, usedMs: stat.mtimeMs, bytes: stat.blocks * 512 }]))
    .toSorted((a, b) => b.usedMs - a.usedMs)
  for (const { path, usedMs } of files)
    if (path.endsWith('.tmp') && now - usedMs > strandedMs) rmSync(path, { force: true })
  let bytes = 0
  for (const [index, each] of files.filter(({ path }) => path.endsWith('.erofs')).entries()) {
    bytes += each.bytes
    if (index >= most.files - 1 || bytes > most.bytes) rmSync(each.path, { force: true })
  }
}
