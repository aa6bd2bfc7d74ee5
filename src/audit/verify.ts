import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Position, Problem } from './chain-check.ts'
import { beginOf, checkEnd, startOf, step } from './chain-check.ts'
import { compareRecords, fileOf, keyOf, listFiles, recordOf, type RecordName } from './files.ts'
import type { Head } from './heads.ts'
import { readHeads } from './heads.ts'
import { maxLineBytes, readLines } from './lines.ts'

export interface ChainReport {
  readonly file: string
  readonly sandbox: string
  /** Which of its files; 0 is the first. */
  readonly segment: number
  /**
   * `unrecorded`: whole in itself, but no head was ever kept for it, so that its end cannot be checked:
   * its owner was killed within its first 100 ms, or the file is not ours.
   */
  readonly state: 'ok' | 'unrecorded' | 'tampered'
  /** In this file. */
  readonly events: number
  /** Events after the last head that was kept: the owner runs, or was killed before the next. */
  readonly afterHead: number
  /** Bytes after the last whole line: a write that a crash tore. */
  readonly tornBytes: number
  readonly problem: Problem | undefined
}

/** Checks all chains of a directory, those too of which only the head is left. */
export function verifyDirectory(directory: string): ChainReport[] {
  // Heads first: what grows between the two reads is then longer than its head, never shorter.
  const heads = readHeads(directory)
  const records = [...listFiles(directory).map(recordOf), ...heads.values(), ...[...heads.values()].flatMap(nextOf)]
  const unique = [...new Map(records.map((record) => [keyOf(record), record])).values()].toSorted(compareRecords)
  const reports: ChainReport[] = []
  let end: Position | undefined
  for (const { sandbox, segment } of unique) {
    const file = join(directory, fileOf(sandbox, segment))
    const head = heads.get(keyOf({ sandbox, segment }))
    const before = segment === 0 ? startOf(sandbox) : reports.at(-1)?.sandbox === sandbox ? end : undefined
    const found = existsSync(file)
      ? verifySegment(file, head, before)
      : { report: missing(file, head), end: endOf(head) }
    reports.push(found.report)
    ;({ end } = found)
  }
  return reports
}

/** Where a chain is said to go on, there has to be a file, whether it had a head yet or not. */
function nextOf({ sandbox, segment, continued }: Head): RecordName[] {
  return continued ? [{ sandbox, segment: segment + 1 }] : []
}

function endOf(head: Head | undefined): Position | undefined {
  return head && { events: head.events, hash: head.hash, bytes: head.bytes }
}

/**
 * Checks one file against the head kept beside it, or in `directory` for a copy that was taken away.
 * `undefined`: there is neither a file nor a head.
 */
export function verifyOne(file: string, directory: string): ChainReport | undefined {
  const record = recordOf(file)
  const headOf = (name: RecordName): Head | undefined =>
    readHeads(dirname(file)).get(keyOf(name)) ?? readHeads(directory).get(keyOf(name))
  const head = headOf(record)
  if (!existsSync(file)) return head && missing(file, head)
  const before = record.segment === 0 ? undefined : endOf(headOf({ ...record, segment: record.segment - 1 }))
  return verifySegment(file, head, before).report
}

/** Checks one file against its head. */
export function verifyFile(file: string, head: Head | undefined): ChainReport {
  return verifySegment(file, head, undefined).report
}

/**
 * One file of a chain, which begins where the one before ended. Where that is not known, it begins with itself:
 * what is wrong with the one before has been told there.
 */
function verifySegment(
  file: string,
  head: Head | undefined,
  before: Position | undefined,
): { report: ChainReport; end: Position | undefined } {
  const { sandbox, segment } = recordOf(file)
  const begin = { ...(before ?? (segment === 0 ? startOf(sandbox) : beginOf(file, sandbox))), bytes: 0 }
  let at = begin
  let tornBytes = 0
  let problem: Problem | undefined
  for (const line of readLines(file)) {
    if (!line.whole && line.bytes.length <= maxLineBytes) {
      tornBytes = line.bytes.length
      break
    }
    const next = step(at, line, head)
    if ('what' in next) {
      problem = next
      break
    }
    at = next
  }
  problem ??= checkEnd(at, tornBytes, head)
  const report: ChainReport = {
    file,
    sandbox,
    segment,
    state: problem !== undefined ? 'tampered' : head === undefined ? 'unrecorded' : 'ok',
    events: at.events - begin.events,
    afterHead: head === undefined ? 0 : Math.max(0, at.events - head.events),
    tornBytes,
    problem: problem && { ...problem, line: problem.line - begin.events },
  }
  return { report, end: problem === undefined ? at : endOf(head) }
}

function missing(file: string, head: Head | undefined): ChainReport {
  return {
    file,
    ...recordOf(file),
    state: 'tampered',
    events: 0,
    afterHead: 0,
    tornBytes: 0,
    problem: {
      line: 1,
      what: 'the file is gone',
      expected:
        head === undefined
          ? 'a file in which the chain goes on, as the head of the one before says'
          : `${head.events} events in ${head.bytes} bytes, as its kept head says`,
      found: 'no file',
    },
  }
}
