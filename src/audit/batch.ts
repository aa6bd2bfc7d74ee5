import { dirname } from 'node:path'
import type { GloveboxError } from '../errors.ts'
import type { AppendFile } from './append-file.ts'
import type { Head, Heads, Kept } from './heads.ts'
import { headsPath } from './heads.ts'
import { unwritable } from './unwritable.ts'

/** From the first unsynced event to the begin of its sync; the disk has the rest of the promised 100. */
const delayMs = 50
/** For the lock of other writers: a moment where the event loop would stand still, the next batch tries again. */
const briefMs = 2
const patientMs = 5000

/** Brings what was appended onto the disk, many events at once, and then its head. */
export interface Batch {
  add(head: Head): void
  /** Throws what an earlier batch met. */
  check(): void
  /** `continued`: the chain goes on in another file. */
  close(continued?: boolean): void
}

export function createBatch(file: AppendFile, heads: Heads): Batch {
  let latest: Head | undefined
  let kept: Head | undefined
  let timer: NodeJS.Timeout | undefined
  let syncing = false
  let failure: Error | undefined
  let closed = false

  const schedule = (): void => {
    // Unreferenced: a record alone keeps no process alive, `close` does the rest.
    if (!syncing && !closed) timer ??= setTimeout(flush, delayMs).unref()
  }

  const flush = (): void => {
    timer = undefined
    const head = latest
    if (head === undefined) return
    syncing = true
    file.sync((error) => {
      syncing = false
      if (closed) return
      if (error !== null && error !== undefined) failure ??= unwritable(file.path, error)
      else keep(head)
      if (failure === undefined && kept !== latest) schedule()
    })
  }

  const keep = (head: Head): void => {
    try {
      if (heads.put(head, briefMs) === 'kept') kept = head
    } catch (error) {
      failure ??= headsFailure(file, error)
    }
  }

  const close = (continued = false): void => {
    if (closed) return
    closed = true
    clearTimeout(timer)
    try {
      file.close()
      finish(continued)
    } finally {
      heads.close()
    }
    if (failure !== undefined) throw failure
  }

  const finish = (continued: boolean): void => {
    if (latest === undefined) return
    const outcome = putLast({ ...latest, closed: true, continued })
    if (outcome === 'full') throw headsFailure(file, Object.assign(new Error('disk full'), { code: 'ENOSPC' }))
    if (outcome === 'busy') throw headsFailure(file, new Error(`other processes held its lock for ${patientMs} ms`))
  }

  const putLast = (head: Head): Kept => {
    try {
      return heads.put(head, patientMs)
    } catch (error) {
      throw headsFailure(file, error)
    }
  }

  const add = (head: Head): void => {
    latest = head
    schedule()
  }

  const check = (): void => {
    if (failure !== undefined) throw failure
  }

  return { add, check, close }
}

function headsFailure(file: AppendFile, cause: unknown): GloveboxError {
  return unwritable(headsPath(dirname(file.path)), cause)
}
