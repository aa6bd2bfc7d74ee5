import { randomBytes } from 'node:crypto'
import { openAudit } from '../../audit/audit-log.ts'
import type { Inside } from '../../inside/client.ts'
import type { EntryFact } from '../../protocol/facts.ts'
import { places } from '../../system/places.ts'
import { connectTo } from './connect.ts'
import type { RunningRecord } from './record.ts'

/** What a way into a sandbox came to. */
export interface Left {
  readonly code: number
  /** In our own words. */
  readonly how: string
}

/** A copy has one direction; elsewhere input and output flow at the same time. */
const oneWay: ReadonlySet<EntryFact['kind']> = new Set(['copy-in', 'copy-out'])

/**
 * Goes into a running sandbox: the record first, then the connection, then the work. Returns the exit code.
 * @throws GloveboxError AUDIT_UNWRITABLE, and nothing was asked of the sandbox then; whatever the work throws
 */
export async function enter(
  sandbox: RunningRecord,
  about: Pick<EntryFact, 'kind' | 'command'>,
  work: (inside: Inside) => Promise<Left>,
): Promise<number> {
  const id = `${sandbox.id.slice(0, 48)}-in-${randomBytes(4).toString('hex')}`
  const audit = openAudit({ directory: places(process.env).audit, sandbox: id, server: sandbox.server })
  let left: Left = { code: 1, how: 'it failed' }
  try {
    audit.record({ fact: 'entry', into: sandbox.id, ...about })
    try {
      const inside = await connectTo(sandbox, oneWay.has(about.kind) ? 'one way' : 'both ways')
      try {
        left = await work(inside)
      } finally {
        inside.close()
      }
    } finally {
      audit.record({ fact: 'entry-end', into: sandbox.id, ...left })
    }
    return left.code
  } finally {
    audit.close()
  }
}
