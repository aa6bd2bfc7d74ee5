import type { DatabaseSync } from 'node:sqlite'

export interface Lock {
  release(): void
}

/**
 * One daemon a user. The lock is that of an open SQLite transaction, which is the kernel's (fcntl(2)): it ends with its
 * process, however that ends, so there is nothing stale to be judged. Undefined when somebody has it.
 */
export function takeLock(path: string): Lock | undefined {
  const { DatabaseSync: Database } = process.getBuiltinModule('node:sqlite')
  let database: DatabaseSync | undefined
  try {
    database = new Database(path, { timeout: 0 })
    // No journal on the disk: nothing is ever written.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    const held = database
    return { release: () => held.close() }
  } catch (error) {
    database?.close()
    if (isBusy(error)) return undefined
    throw error
  }
}

/** SQLITE_BUSY, and its extended codes (sqlite.org/rescode.html). */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5
}
