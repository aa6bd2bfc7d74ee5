import type { SyncReport } from '../protocol/workspace.ts'
import { sizeOf } from './progress.ts'
import { untrusted } from './untrusted.ts'

/** What was copied in, where there is something to say about it. */
export function renderCopiedIn(
  workspace: string,
  { files, bytes, leftOut }: { readonly files: number; readonly bytes: number; readonly leftOut: readonly string[] },
  { json, id }: { readonly json: boolean; readonly id: string },
): string {
  if (json) {
    return `${JSON.stringify({ schema: 'glovebox/workspace-copy/1', sandbox: id, workspace, files, bytes, leftOut })}\n`
  }
  if (leftOut.length === 0) return ''
  return paragraph(`the copy of ${untrusted(workspace)} (${files} files, ${sizeOf(bytes)}) is without:`, leftOut)
}

/** At most so many of a list. */
const mostShown = 20

/** What became of the changes, or before a question, what they are. */
export function renderSync(
  report: SyncReport,
  about: { readonly json: boolean; readonly earlier: boolean; readonly question: boolean; readonly server: string },
): string {
  if (about.json) return about.question ? '' : `${JSON.stringify({ schema: 'glovebox/workspace-sync/1', ...report })}\n`
  const { state, copy, backup, id } = report
  const workspace = untrusted(report.workspace)
  if (state === 'unchanged') return about.earlier ? line(`an earlier copy of ${workspace} had no changes`) : ''
  if (state === 'lost') {
    const why = report.reason === null ? 'the sandbox ended before they could be fetched' : untrusted(report.reason)
    return line(`nothing could be fetched of ${workspace}, so its changes are gone and it is as it was: ${why}`)
  }
  if (state === 'failed') {
    return (
      line(`the changes to ${workspace} were not all taken over: ${untrusted(report.reason ?? '')}`) +
      line(`nothing is lost: ${copy} has them; glovebox workspace sync ${id}`)
    )
  }
  const counts = `${report.added} added, ${report.changed} changed, ${report.deleted} deleted`
  const from = about.earlier ? ` by "${untrusted(about.server)}", which was killed before they were taken over` : ''
  const head = about.question
    ? `changes to ${workspace}${from}: ${counts}`
    : state === 'kept'
      ? `the changes to ${workspace}${from} were not taken over (${counts})`
      : `${workspace}: ${counts}${about.earlier ? ', from an earlier copy' : ''}`
  return [
    about.question ? paragraph(head, report.paths) : line(head),
    paragraph(
      about.question ? 'look at these first:' : 'look at these:',
      state === 'kept' && !about.question ? [] : report.warnings,
    ),
    paragraph(
      about.question
        ? 'and at these, which come with a yes alone:'
        : 'not taken over without a yes (--sync yes, or ask):',
      report.held,
    ),
    paragraph('not overwritten, and kept aside:', report.conflicts),
    paragraph('not possible here:', report.failed),
    paragraph('no file, directory or link, and left out:', report.leftOut),
    ...(about.question ? [] : [whereLine(report, backup, copy)]),
  ].join('')
}

/** What became of a backup that was put back (`before`), or whose part that was kept aside was taken over (`kept`). */
export function renderRestored(
  { report, isAside }: { readonly report: SyncReport; readonly isAside: boolean },
  { json, which, name }: { readonly json: boolean; readonly which: 'before' | 'kept'; readonly name: string },
): string {
  if (json) return `${JSON.stringify({ schema: 'glovebox/workspace-sync/1', ...report })}\n`
  const { state, backup, added, changed, deleted, conflicts, failed } = report
  const [verb, done] = which === 'before' ? ['restore', 'put back'] : ['take', 'taken over']
  if (state === 'unchanged') return line(`all of ${name} is ${done} already`)
  return [
    line(`${untrusted(report.workspace)}: ${added} added, ${changed} changed, ${deleted} deleted`),
    paragraph('look at these:', report.warnings),
    paragraph('not overwritten:', conflicts),
    paragraph('not possible here:', failed),
    state === 'partly' ? line(`${name} is ${done} in part; glovebox workspace ${verb} goes on with what is left`) : '',
    isAside && backup !== null
      ? line(`in the place of yours: glovebox workspace take ${backup.name}; as files: ${backup.directory}/kept`)
      : '',
    backup === null ? '' : line(`before: glovebox workspace restore ${backup.name}`),
  ].join('')
}

/** What a sync kept aside: all of it is safe to show. */
export function renderKept(workspace: string, kept: readonly string[]): string {
  return paragraph(`kept aside of what a sandbox did to ${untrusted(workspace)}:`, kept)
}

function whereLine(
  { state, id, held, conflicts }: SyncReport,
  backup: SyncReport['backup'],
  copy: string | null,
): string {
  if (state === 'kept') {
    return line(`nothing is lost: ${copy}; glovebox workspace sync ${id}, or glovebox workspace discard ${id}`)
  }
  const aside = held.length + conflicts.length > 0 ? `; the sandbox’s own in ${backup?.directory}/kept` : ''
  return (
    (backup === null ? '' : line(`before: glovebox workspace restore ${backup.name}${aside}`)) +
    (copy === null ? '' : line(`the copy stays in ${copy}; glovebox workspace sync ${id} tries again`))
  )
}

function line(text: string): string {
  return `glovebox: ${text}\n`
}

function paragraph(head: string, items: readonly string[]): string {
  if (items.length === 0) return ''
  const shown = items.slice(0, mostShown).map((item) => `  ${item}\n`)
  const more = items.length > mostShown ? [`  (and ${items.length - mostShown} more)\n`] : []
  return line(head) + [...shown, ...more].join('')
}
