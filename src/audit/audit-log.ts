import { hostname } from 'node:os'
import { join } from 'node:path'
import { GloveboxError } from '../errors.ts'
import type { Fact, Recorder } from '../protocol/facts.ts'
import { version } from '../version.ts'
import { createAppendFile } from './append-file.ts'
import { createBatch } from './batch.ts'
import { genesis, seal } from './chain.ts'
import { toEvent } from './event.ts'
import { fileOf } from './files.ts'
import type { Head } from './heads.ts'
import { openHeads } from './heads.ts'
import type { Origin } from './ocsf.ts'

export interface AuditOptions {
  /** Made, 0700, when it is not there. */
  readonly directory: string
  /** Its id: `[a-z0-9-]{1,64}`, used once. */
  readonly sandbox: string
  readonly server: string
  readonly now?: () => number
}

export interface AuditLog {
  readonly path: string
  /** Returns when the fact is in the file; throws AUDIT_UNWRITABLE when it cannot be, and then nothing of it is. */
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
  const file = createAppendFile(join(directory, fileOf(sandbox)))
  const batch = createBatch(file, openHeads(directory))
  let head: Head = { sandbox, events: 0, bytes: 0, hash: genesis(sandbox), closed: false }
  let unwritten = 0

  const record = (fact: Fact): void => {
    try {
      batch.check()
      const sequence = head.events + 1
      const { line, hash } = seal(toEvent(fact, origin, { sequence, time: now(), unwritten }), head.hash)
      file.append(line)
      head = { sandbox, events: sequence, bytes: head.bytes + Buffer.byteLength(line), hash, closed: false }
    } catch (error) {
      unwritten += 1
      throw error
    }
    unwritten = 0
    batch.add(head)
  }

  return { path: file.path, record, close: () => batch.close() }
}

function originOf({ sandbox, server }: AuditOptions): Origin {
  return {
    sandbox,
    server,
    product: { name: 'Glovebox', vendor_name: 'Glovebox', version },
    device: { hostname: hostname(), type_id: 0 },
  }
}
