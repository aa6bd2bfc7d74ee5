import type { Fact } from '../../protocol/facts.ts'
import type { SyncReport } from '../../protocol/workspace.ts'

/** In one event: what there is more of is in the backup. */
const mostNoted = 50
const mostCharacters = 256

/** What came of a copy, or of a backup, as the record has it. */
export function outFact(report: SyncReport): Fact {
  const few = (lines: readonly string[]): string[] =>
    lines.slice(0, mostNoted).map((line) => line.slice(0, mostCharacters))
  const { workspace, id, state, added, changed, deleted, backup } = report
  return {
    fact: 'workspace-out',
    workspace,
    of: id,
    state,
    added,
    changed,
    deleted,
    paths: few(report.paths),
    conflicts: few(report.conflicts),
    warnings: few(report.warnings),
    held: few(report.held),
    failed: few(report.failed),
    backup: backup?.name ?? null,
  }
}
