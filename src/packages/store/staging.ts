import { randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { makeDirectory } from '../../system/make-directory.ts'
import { tryHold } from './mutex.ts'
import type { Store } from './store.ts'

/** An empty directory for a tree in the making. The caller holds the mutex of the key until it is published or gone. */
export function stage(store: Store, key: string): string {
  makeDirectory(store.staging)
  const directory = join(store.staging, `${key}~${randomBytes(6).toString('hex')}`)
  makeDirectory(join(directory, 'tree'), 0o755)
  return directory
}

/** A directory for a while, which sandboxes may write. What a killed process leaves of it, a later install removes. */
export async function withScratch<T>(store: Store, work: (directory: string) => Promise<T>): Promise<T> {
  const key = `scratch-${randomBytes(6).toString('hex')}`
  using held = tryHold(store, key)
  if (held === undefined) throw new GloveboxError('INTERNAL', `${key} is held by somebody else`)
  const directory = stage(store, key)
  try {
    return await work(join(directory, 'tree'))
  } finally {
    removeTree(directory)
  }
}

/** Removes what killed installs left behind: a staged tree whose mutex is free belongs to nobody. */
export function reapStaging(store: Store): number {
  let reaped = 0
  for (const name of namesIn(store.staging)) {
    const [key = ''] = name.split('~')
    using held = tryHold(store, key)
    if (held === undefined) continue
    removeTree(join(store.staging, name))
    reaped++
  }
  return reaped
}

/** The names in a directory; none when it is not there. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** Removes a tree although its directories are read-only. */
export function removeTree(root: string): void {
  const open = (directory: string): void => {
    chmodSync(directory, 0o700)
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory()) open(join(directory, entry.name))
  }
  if (lstatSync(root, { throwIfNoEntry: false })?.isDirectory() === true) open(root)
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
}
