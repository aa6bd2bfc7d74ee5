import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'
import { named, nothing, sum, type Tally } from './tally.ts'

type SummaryData = Extract<TestEvent, { type: 'test:summary' }>['data']
type Result = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>
type Failure = Extract<TestEvent, { type: 'test:fail' }>

/**
 * A reporter for node:test that says what a person has to know: one line for each file, each failure in full;
 * and leaves the counts as JSON in the file that GLOVEBOX_TALLY names, for the lines at the end.
 */
export default async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, Tally>()
  for await (const event of events) {
    if (event.type === 'test:stdout' || event.type === 'test:stderr') yield event.data.message
    if (event.type === 'test:pass' || event.type === 'test:fail') {
      const file = event.data.file ?? ''
      files.set(file, sum([files.get(file) ?? nothing, tallyOf(event)]))
      if (event.type === 'test:fail' && !isParent(event)) yield failure(event)
    }
    if (event.type === 'test:summary' && event.data.file !== undefined) yield fileLine(event.data)
  }
  const target = process.env['GLOVEBOX_TALLY']
  if (target !== undefined) writeFileSync(target, JSON.stringify(sum([...files.values()])))
}

/** A suite, or a test that failed only because one below it did, is no test of its own; one that is skipped is told like a test. */
function isParent(event: Result): boolean {
  const { details, skip } = event.data
  if (details.type === 'suite' && skip !== undefined && skip !== false) return false
  if (details.type === 'suite') return event.type === 'test:pass' || !failedItself(event)
  return event.type === 'test:fail' && !failedItself(event)
}

function failedItself(event: Result): boolean {
  const error: unknown = 'error' in event.data.details ? event.data.details.error : undefined
  return !(error instanceof Error && 'failureType' in error && error.failureType === 'subtestsFailed')
}

function tallyOf(event: Result): Tally {
  if (isParent(event)) return nothing
  if (event.type === 'test:fail') return { ...nothing, failed: 1, failures: [named(placed(event), said(event))] }
  const { skip, name, file } = event.data
  if (skip === undefined || skip === false) return { ...nothing, passed: 1 }
  const reason = typeof skip === 'string' ? skip : 'skipped without a reason'
  return { ...nothing, skips: [`${shown(file)}: ${name} — ${reason}`] }
}

function failure(event: Failure): string {
  return `\n✗ ${event.data.name}\n  ${placeOf(event)}\n${indented(said(event))}\n\n`
}

function placed(event: Failure): string {
  return `${placeOf(event)}: ${event.data.name}`
}

function placeOf({ data }: Failure): string {
  return `${shown(data.file)}${data.line === undefined ? '' : `:${data.line}`}`
}

function said({ data }: Failure): string {
  const error: unknown = data.details.error
  return inspect(error instanceof Error && error.cause !== undefined ? error.cause : error, { depth: 6 })
}

/** The runner's own counts: the tests of a file may have been made by a helper in another one. */
function fileLine({ file, counts, duration_ms }: SummaryData): string {
  const { tests, passed, skipped, todo } = counts
  const failed = tests - passed - skipped - todo
  const mark = failed > 0 ? '✗' : '✓'
  const words = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
  return `  ${mark} ${shown(file).padEnd(46)} ${words}  ${(duration_ms / 1000).toFixed(1)} s\n`
}

function shown(file: string | undefined): string {
  return file === undefined ? '' : path.relative(process.cwd(), file)
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '    ')
}
