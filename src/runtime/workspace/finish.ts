import { GloveboxError, messageOf } from '../../errors.ts'
import type { Recorder } from '../../protocol/facts.ts'
import type { SyncReport } from '../../protocol/workspace.ts'
import { withoutDescriptors } from '../../system/directory.ts'
import { places } from '../../system/places.ts'
import { askPlainly } from '../../ui/ask.ts'
import { amountOf } from '../../ui/progress.ts'
import { renderSync } from '../../ui/workspace.ts'
import { onEndingSignals } from '../signals.ts'
import { outFact } from './out-fact.ts'
import { emptyReport } from './report.ts'
import type { Session } from './session.ts'
import { syncBack, type SyncWord } from './sync.ts'

export interface Finishing {
  readonly choice: SyncWord | undefined
  readonly json: boolean
  /** Where it is told; stderr by default, since stdout is the program's. */
  readonly stream?: NodeJS.WriteStream
  readonly record: Recorder
  /** The copy of a process that was killed. */
  readonly earlier?: boolean
  readonly growthBytes?: number | undefined
  /** Why what was sent did not come back. */
  readonly notFetched?: unknown
}

/**
 * Takes a copy's changes over, tells the user and the record what came of it, and throws nothing: what did not work leaves the copy
 * where it is. A wish to end is granted at the second time, since the first one is what brought us here.
 */
export async function finishSession(session: Session, options: Finishing): Promise<SyncReport> {
  const { choice, json, earlier = false } = options
  const stopped = new AbortController()
  let asked = 0
  const release = onEndingSignals(() => {
    if (++asked > 1) stopped.abort(new Error('interrupted'))
    else process.stderr.write('glovebox: taking the workspace’s changes over; again to leave them in the copy\n')
  })
  const progress = amountOf('taking changes over', process.stderr)
  const tell = (report: SyncReport, question: boolean): void =>
    void (options.stream ?? process.stderr).write(
      renderSync(report, { json, earlier, question, server: session.about.server }),
    )
  let bytes = 0
  let report: SyncReport
  try {
    report = await syncBack(session, {
      places: places(process.env),
      choice,
      growthBytes: options.growthBytes,
      onBytes: (more) => progress.show((bytes += more)),
      signal: stopped.signal,
      async ask(found) {
        tell(found, true)
        return askPlainly('Take these changes over?', stopped.signal)
      },
    })
    if (report.state === 'lost' && options.notFetched !== undefined) {
      report = { ...report, reason: reasonOf(options.notFetched) }
    }
  } catch (error) {
    report = { ...emptyReport(session.about, 'failed', session.files), reason: reasonOf(error) }
  } finally {
    progress.clear()
    release()
  }
  tell(report, false)
  note(options.record, report)
  return report
}

function reasonOf(error: unknown): string {
  const fix = error instanceof GloveboxError && error.fix !== undefined ? `; ${error.fix}` : ''
  return withoutDescriptors(`${messageOf(error)}${fix}`)
}

function note(record: Recorder, report: SyncReport): void {
  try {
    record(outFact(report))
  } catch (error) {
    process.stderr.write(`glovebox: what came of the workspace is not in the record: ${messageOf(error)}\n`)
  }
}
