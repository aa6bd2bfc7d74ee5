import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { makeDirectory } from './make-directory.ts'

/** Held until it is disposed of, or its process ends in any way. */
export interface Held extends Disposable {
  readonly name: string
  /** Disposes of it and of its file: for a name that nobody will ever ask for again. */
  remove(): void
}

/**
 * A mutex between processes: an exclusive lock on a database file that stays empty. The kernel gives the lock back
 * when its holder is killed (fcntl(2), advisory record locking), so that no lock is ever stale.
 * @returns undefined when somebody else holds it
 */
export function tryHold(directory: string, name: string): Held | undefined {
  makeDirectory(directory)
  const file = join(directory, `${name}.db`)
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (isBusy(error)) return undefined
    throw error
  }
  return {
    name,
    [Symbol.dispose]: () => database.close(),
    remove() {
      rmSync(file, { force: true })
      database.close()
    },
  }
}

/** Waits for the mutex and holds it during the work; `onWait` is called once when somebody else has it. */
export async function holding<T>(
  directory: string,
  name: string,
  { signal, onWait }: { signal?: AbortSignal | undefined; onWait?: () => void },
  work: () => Promise<T>,
): Promise<T> {
  let held = tryHold(directory, name)
  if (held === undefined) onWait?.()
  // Advisory locks announce nothing when they are released: asking again is all there is.
  for (let pause = 10; held === undefined; pause = Math.min(pause * 2, 200)) {
    await delay(pause, undefined, signal === undefined ? {} : { signal })
    held = tryHold(directory, name)
  }
  try {
    return await work()
  } finally {
    held[Symbol.dispose]()
  }
}

/** SQLITE_BUSY and SQLITE_LOCKED (sqlite.org/rescode.html). */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (error.errcode === 5 || error.errcode === 6)
}
