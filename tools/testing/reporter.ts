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
  let tally = nothing
  /** Failures of the file that the runner is telling of. Its own line comes last; files that run beside it are told of after it. */
  let failures: Failure[] = []
  for await (const event of events) {
    if (event.type === 'test:stdout' || event.type === 'test:stderr') yield event.data.message
    if (event.type === 'test:pass' || event.type === 'test:fail') tally = sum([tally, tallyOf(event)])
    if (event.type === 'test:fail' && !isParent(event)) {
      failures.push(event)
      yield failure(event)
    }
    const file = endOfFile(event)
    if (file === undefined) continue
    tally = sum([tally, listed(failures, file)])
    failures = []
    if (event.type === 'test:summary') yield fileLine(event.data)
  }
  tally = sum([tally, listed(failures, undefined)])
  const target = process.env['GLOVEBOX_TALLY']
  if (target !== undefined) writeFileSync(target, JSON.stringify(tally))
}

/** The file that ended with this: the line of its counts, or its own failure, after which no counts come. */
function endOfFile(event: TestEvent): string | undefined {
  if (event.type === 'test:summary') return event.data.file
  const isItsOwn = event.type === 'test:fail' && path.resolve(event.data.name) === event.data.file
  return isItsOwn ? event.data.file : undefined
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
  if (event.type === 'test:fail') return { ...nothing, failed: 1 }
  const { skip, name, file } = event.data
  if (skip === undefined || skip === false) return { ...nothing, passed: 1 }
  const reason = typeof skip === 'string' ? skip : 'skipped without a reason'
  return { ...nothing, skips: [`${shown(file)}: ${name} — ${reason}`] }
}

function failure(event: Failure): string {
  return `\n✗ ${event.data.name}\n  ${placeOf(event)}\n${indented(said(event))}\n\n`
}

/** A test that a helper made for several files says also in which of them it failed. */
function listed(failures: readonly Failure[], file: string | undefined): Tally {
  const where = (event: Failure): string =>
    file === undefined || event.data.file === file ? placeOf(event) : `${placeOf(event)} in ${shown(file)}`
  return { ...nothing, failures: failures.map((event) => named(`${where(event)}: ${event.data.name}`, said(event))) }
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
