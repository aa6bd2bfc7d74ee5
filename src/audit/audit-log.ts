import { hostname } from 'node:os'
import { join } from 'node:path'
import { GloveboxError } from '../errors.ts'
import type { Fact, Recorder } from '../protocol/facts.ts'
import { version } from '../version.ts'
import { createAppendFile } from './append-file.ts'
import type { AppendFile } from './append-file.ts'
import type { Batch } from './batch.ts'
import { createBatch } from './batch.ts'
import type { Purses } from './budget.ts'
import { createPurses, kindOf, timesOf } from './budget.ts'
import { genesis, seal } from './chain.ts'
import { toEvent } from './event.ts'
import { fileOf } from './files.ts'
import type { Head } from './heads.ts'
import { openHeads } from './heads.ts'
import type { Origin } from './ocsf.ts'
import type { Rotation } from './rotation.ts'
import { rotationFrom } from './rotation.ts'

export interface AuditOptions {
  /** Made, 0700, when it is not there. */
  readonly directory: string
  /** Its id: `[a-z0-9-]{1,64}`, used once. */
  readonly sandbox: string
  readonly server: string
  readonly now?: () => number
  /** When the next file is begun; by default what `rotationFrom` makes of our environment. */
  readonly rotation?: Rotation
  /** For what it causes by itself; by default its own, of what `budgetFrom` makes of our environment. */
  readonly purses?: Purses | undefined
}

export interface AuditLog {
  /** The file that is written now. */
  readonly path: string
  /**
   * Returns when the fact is in the file; throws AUDIT_UNWRITABLE when it cannot be, and then nothing of it is. What is over the budget
   * is counted, and the next event in the file says how many those were.
   */
  readonly record: Recorder
  /** On the disk, with its head. Idempotent; synchronous, so that an exit handler can call it. */
  close(): void
}

/**
 * Begins the record of one sandbox.
 * @throws GloveboxError AUDIT_UNWRITABLE: what was to be recorded must then not happen
 */
export function openAudit(options: AuditOptions): AuditLog {
  const { directory, sandbox, now = Date.now } = options
  if (!/^[a-z0-9-]{1,64}$/.test(sandbox)) throw new GloveboxError('INTERNAL', `not a sandbox id: ${sandbox}`)
  const origin = originOf(options)
  const rotation = options.rotation ?? rotationFrom(process.env)
  const purses = options.purses ?? createPurses()
  let part = begin(directory, sandbox, 0)
  let head: Head = { sandbox, segment: 0, events: 0, bytes: 0, hash: '', closed: false, continued: false }
  let unwritten = 0
  let overBudget = 0

  const record = (fact: Fact): void => {
    const kind = kindOf(fact)
    const purse = kind && purses[kind]
    try {
      part.batch.check()
      const time = now()
      if (purse?.hasRoom(time) === false) {
        overBudget += timesOf(fact)
        return
      }
      if (isDue(part, head, time)) rotate()
      const sequence = head.events + 1
      const prev = head.events === 0 ? genesis(sandbox) : head.hash
      const { line, hash } = seal(toEvent(fact, origin, { sequence, time, unwritten, overBudget }), prev)
      part.file.append(line)
      part.since ??= time
      const bytes = Buffer.byteLength(line)
      purse?.spend(bytes)
      head = { ...head, events: sequence, bytes: head.bytes + bytes, hash }
    } catch (error) {
      unwritten += 1
      throw error
    }
    unwritten = 0
    overBudget = 0
    part.batch.add(head)
  }

  const isDue = ({ since }: Part, { bytes }: Head, time: number): boolean =>
    since !== undefined && (bytes >= rotation.bytes || time - since >= rotation.ageMs)

  const rotate = (): void => {
    // The next file first: where a chain is said to go on, there is a file that it goes on in.
    const next = begin(directory, sandbox, head.segment + 1)
    part.batch.close(true)
    part = next
    head = { ...head, segment: head.segment + 1, bytes: 0 }
  }

  return {
    get path() {
      return part.file.path
    },
    record,
    close: () => part.batch.close(),
  }
}

/** One file of the record. */
interface Part {
  readonly file: AppendFile
  readonly batch: Batch
  /** The time of its first event. */
  since: number | undefined
}

function begin(directory: string, sandbox: string, segment: number): Part {
  const file = createAppendFile(join(directory, fileOf(sandbox, segment)), segment > 0)
  return { file, batch: createBatch(file, openHeads(directory)), since: undefined }
}

function originOf({ sandbox, server }: AuditOptions): Origin {
  return {
    sandbox,
    server,
    product: { name: 'Glovebox', vendor_name: 'Glovebox', version },
    device: { hostname: hostname(), type_id: 0 },
  }
}
