import { genesis, unseal } from './chain.ts'
import { fileOf } from './files.ts'
import type { Head } from './heads.ts'
import type { Line } from './lines.ts'
import { readLines } from './lines.ts'

/** What is wrong, where, what was expected there and what was found. */
export interface Problem {
  /** From 1; the line after the last for what is missing at the end. */
  readonly line: number
  readonly what: string
  readonly expected: string
  readonly found: string
}

export const notOfARecord = 'not a line of a record'

/** Where a chain stands after some of its lines. */
export interface Position {
  readonly events: number
  readonly hash: string
  readonly bytes: number
}

export function startOf(sandbox: string): Position {
  return { events: 0, hash: genesis(sandbox), bytes: 0 }
}

/** Where a file of a chain says itself that it begins; for one whose file before is not known. */
export function beginOf(file: string, sandbox: string): Position {
  for (const { bytes } of readLines(file)) {
    const [prev, sequence] = [unseal(bytes)?.prev, sequenceOf(bytes)]
    if (prev !== undefined && sequence !== undefined) return { events: sequence - 1, hash: prev, bytes: 0 }
    break
  }
  return startOf(sandbox)
}

/** One line further, or what is wrong with it. */
export function step(at: Position, line: Line, head: Head | undefined): Position | Problem {
  const number = at.events + 1
  if (head?.closed === true && at.events === head.events) return afterTheEnd(number, line)
  const parts = unseal(line.bytes)
  if (parts === undefined) return notOurs(number, line)
  if (parts.claimed !== parts.computed) return edited(number, parts.claimed, parts.computed)
  if (parts.prev !== at.hash) return unlinked(number, line, at.hash, parts.prev)
  const next = { events: number, hash: parts.claimed, bytes: line.end }
  return head?.events === number && (head.hash !== next.hash || head.bytes !== next.bytes)
    ? otherThanHead(next, head)
    : next
}

/** What is wrong with a file that ends here. */
export function checkEnd(at: Position, tornBytes: number, head: Head | undefined): Problem | undefined {
  if (head === undefined) return undefined
  if (at.events < head.events) {
    return {
      line: at.events + 1,
      what: 'the end is cut off',
      expected: `${head.events} events in ${head.bytes} bytes, as its kept head says`,
      found: `${at.events} events in ${at.bytes + tornBytes} bytes`,
    }
  }
  if (head.closed && tornBytes > 0) {
    return {
      line: at.events + 1,
      what: 'something follows the end',
      expected: 'nothing: the record was closed',
      found: `${tornBytes} bytes that are no line`,
    }
  }
  return undefined
}

function afterTheEnd(line: number, found: Line): Problem {
  return {
    line,
    what: 'something follows the end',
    expected: 'nothing: the record was closed',
    found: `a line of ${found.bytes.length} bytes`,
  }
}

function notOurs(line: number, found: Line): Problem {
  return {
    line,
    what: notOfARecord,
    expected: 'an event that ends in "prev" and "hash"',
    found: `${found.bytes.length} bytes that do not`,
  }
}

function edited(line: number, claimed: string, computed: string): Problem {
  return { line, what: 'the line was changed', expected: `hash ${claimed}`, found: `hash ${computed}` }
}

function unlinked(line: number, found: Line, expected: string, prev: string): Problem {
  const sequence = sequenceOf(found.bytes)
  const sandbox = sandboxIn(found.bytes)
  if (line === 1 && sandbox !== undefined && genesis(sandbox) === prev) return anothers(sandbox)
  return {
    line,
    what: whatHappened(line, sequence),
    expected: `event ${line} after hash ${expected}`,
    found: `event ${sequence ?? 'without a number'} after hash ${prev}`,
  }
}

/** A chain begins with its sandbox: under another name it is somebody else's, or a copy that was renamed. */
function anothers(sandbox: string): Problem {
  return {
    line: 1,
    what: 'the record of another sandbox',
    expected: 'one of the sandbox that the file is named for',
    found: `that of ${sandbox}, whose copies have to be called ${fileOf(sandbox)}`,
  }
}

function whatHappened(line: number, sequence: number | undefined): string {
  if (sequence === undefined) return 'the line does not follow the one before'
  if (sequence > line) return `${sequence - line} event(s) before this line were removed or moved`
  if (sequence < line) return 'an event that stood earlier was repeated or moved here'
  return line === 1 ? 'the record of another sandbox' : 'the line before is another than was written'
}

function otherThanHead(at: Position, head: Head): Problem {
  return {
    line: at.events,
    what: 'the whole record was written anew',
    expected: `hash ${head.hash} at byte ${head.bytes}, as its kept head says`,
    found: `hash ${at.hash} at byte ${at.bytes}`,
  }
}

function sandboxIn(bytes: Buffer): string | undefined {
  return /"correlation_uid":"([a-z0-9-]{1,64})","sequence":1\}/.exec(bytes.toString('utf8'))?.[1]
}

/** The number that an event gives itself. Its hash was right, so it is JSON unless somebody forged it. */
function sequenceOf(bytes: Buffer): number | undefined {
  const found = /"correlation_uid":"[^"]*","sequence":(\d{1,15})\}/.exec(bytes.toString('utf8'))
  return found === null ? undefined : Number(found[1])
}
