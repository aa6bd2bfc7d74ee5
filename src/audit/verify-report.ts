import { resolve } from 'node:path'
import { GloveboxError } from '../errors.ts'
import type { Style } from '../ui/style.ts'
import { table } from '../ui/table.ts'
import { untrusted } from '../ui/untrusted.ts'
import { notOfARecord } from './chain-check.ts'
import { isRecord, keyOf } from './files.ts'
import type { ChainReport } from './verify.ts'
import { verifyDirectory, verifyOne } from './verify.ts'

export interface VerifyOptions {
  readonly directory: string
  /** A file, or the id of a sandbox; all of the directory when absent. */
  readonly target: string | undefined
  readonly json: boolean
  readonly style: Style
}

/** Checks records; the text is for stdout, and `failure` says that one of them was tampered with. */
export function verifyAudit(options: VerifyOptions): { text: string; failure: GloveboxError | undefined } {
  const reports = reportsFor(options)
  const tampered = reports.filter((report) => report.state === 'tampered')
  const text = options.json ? asDocument(reports) : asTable(reports, options.style)
  return { text: `${text}\n`, failure: tampered.length === 0 ? undefined : failure(tampered.length, reports.length) }
}

function reportsFor({ directory, target }: VerifyOptions): ChainReport[] {
  if (target === undefined) return verifyDirectory(directory)
  const isPath = target.includes('/') || target.endsWith('.jsonl')
  const one = isPath ? verifyOne(resolve(target), directory) : undefined
  const reports = isPath
    ? one === undefined
      ? []
      : [one]
    : verifyDirectory(directory).filter(({ sandbox }) => sandbox === target)
  if (one !== undefined && isNoRecord(one)) {
    throw new GloveboxError('USAGE', `${target} is no record: its first line is none of a record's`, {
      fix: 'name the file of a record (ID.jsonl), or the id of a sandbox as glovebox audit tail shows it',
    })
  }
  if (reports.length > 0) return reports
  throw new GloveboxError('USAGE', `there is no record "${target}"`, {
    fix: 'name a file, or the id of a sandbox as glovebox audit tail shows it',
  })
}

/** Another file was named. What is called as records are was one, and has been tampered with. */
function isNoRecord({ file, events, problem }: ChainReport): boolean {
  return !isRecord(file) && events === 0 && problem?.what === notOfARecord
}

function asDocument(reports: readonly ChainReport[]): string {
  const ok = reports.every((report) => report.state !== 'tampered')
  return JSON.stringify({ schema: 'glovebox/audit-verify/1', ok, records: reports }, null, 2)
}

function asTable(reports: readonly ChainReport[], style: Style): string {
  const paint = { ok: style.good, unrecorded: style.warn, tampered: style.bad }
  const rows = reports.map((report) => [
    paint[report.state](report.state),
    String(report.events),
    untrusted(keyOf(report)),
    untrusted(noteOn(report)),
  ])
  const count = (state: ChainReport['state']): number => reports.filter((report) => report.state === state).length
  const summary = `${reports.length} ${reports.length === 1 ? 'record' : 'records'}: ${count('ok')} ok, ${count('unrecorded')} unrecorded, ${count('tampered')} tampered`
  if (rows.length === 0) return summary
  return `${table([['state', 'events', 'sandbox', ''].map(style.bold), ...rows])}\n${summary}`
}

function noteOn({ file, state, problem, afterHead, tornBytes }: ChainReport): string {
  if (problem !== undefined) {
    return `line ${problem.line} of ${file}: ${problem.what}; expected ${problem.expected}; found ${problem.found}`
  }
  const notes = []
  if (state === 'unrecorded') notes.push('no head was kept: its end cannot be checked')
  if (afterHead > 0) notes.push(`${afterHead} events after the last kept head`)
  if (tornBytes > 0) notes.push(`${tornBytes} bytes of a torn line at its end`)
  return notes.join('; ')
}

function failure(tampered: number, all: number): GloveboxError {
  return new GloveboxError('AUDIT_TAMPERED', `tampered with: ${tampered} of ${all} records`, {
    fix: 'compare with the copy that your log collector has, and find out who could write there',
  })
}
