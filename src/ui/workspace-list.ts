import type { SyncReport } from '../protocol/workspace.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

interface Listed {
  readonly copies: readonly {
    readonly id: string
    readonly server: string
    readonly workspace: string
    readonly startedMs: number
    readonly state: string
  }[]
  readonly backups: readonly {
    readonly name: string
    readonly workspace: string
    readonly server: string
    readonly changes: number
    readonly kept: number
  }[]
}

/** Copies that wait for something, and backups, the oldest first. */
export function renderWorkspaces({ copies, backups }: Listed, now: number, style: Style): string {
  const blocks: string[] = []
  if (copies.length > 0) {
    const rows = copies.map(({ id, server, workspace, startedMs, state }) => [
      id,
      untrusted(server),
      state,
      `${Math.max(0, Math.round((now - startedMs) / 60_000))} min`,
      untrusted(workspace),
    ])
    blocks.push(`${table([['copy', 'name', 'state', 'for', 'workspace'].map(style.bold), ...rows])}\n`)
  }
  if (backups.length > 0) {
    const rows = backups.map(({ name, server, changes, kept, workspace }) => [
      name,
      untrusted(server),
      String(changes),
      String(kept),
      untrusted(workspace),
    ])
    blocks.push(`${table([['backup', 'name', 'changes', 'kept aside', 'workspace'].map(style.bold), ...rows])}\n`)
  }
  return blocks.length === 0 ? 'no copy waits, and there is no backup\n' : blocks.join('\n')
}

/** `+ path`, `~ path`, `- path`; `! path: why` for what needs a yes, or is in conflict. All of it is safe to show. */
export function renderDiff(report: SyncReport, json: boolean): string {
  if (json) return `${JSON.stringify({ schema: 'glovebox/workspace-diff/1', ...report })}\n`
  const lines = [...report.paths, ...[...report.held, ...report.conflicts].map((line) => `! ${line}`)]
  return lines.length === 0 ? 'no changes\n' : `${lines.join('\n')}\n`
}
