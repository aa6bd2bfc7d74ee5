import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { openAudit } from '../../src/audit/audit-log.ts'
import { openHeads } from '../../src/audit/heads.ts'
import { GloveboxError } from '../../src/errors.ts'
import { verifyDirectory } from '../../src/audit/verify.ts'
import { eventually } from './eventually.ts'
import { call } from './record.ts'

/**
 * Records until no event fits any more and prints what happened, as JSON: `record-on-full-disk.ts DIRECTORY MODE`.
 * `fill`: something else takes the space, and later gives it back. `limit`: the file itself meets its limit. `deny`: it cannot begin.
 */
const [base = '', mode = ''] = process.argv.slice(2)
const directory = path.join(base, 'audit')
const filler = path.join(base, 'filler')

const aHead = { sandbox: 'gbx-3', segment: 0, continued: false, events: 1, bytes: 1, hash: '', closed: false }

if (mode === 'deny')
  process.stdout.write(
    JSON.stringify({ refused: refusal(() => openAudit({ directory, sandbox: 'gbx-1', server: 'files' })) }),
  )
else process.stdout.write(JSON.stringify(await fillUp()))

async function fillUp(): Promise<object> {
  const log = openAudit({ directory, sandbox: 'gbx-1', server: 'files' })
  let before = 0
  const say = (): void => {
    log.record(call(before + 1))
    before++
  }
  say()
  // The head is made while there is room: what is tested is the record.
  await eventually(() => (verifyDirectory(directory)[0]?.state === 'ok' ? true : undefined))
  if (mode === 'fill') fill()
  const refused = refusal(() => {
    for (;;) say()
  })
  const { events, tornBytes, state } = verifyDirectory(directory)[0] ?? {}
  const whileFull = { events, tornBytes, state, heads: openHeads(directory).put(aHead, 2) }
  if (mode === 'limit') return { refused, before, whileFull }
  const refusedStart = refusal(() => openAudit({ directory, sandbox: 'gbx-2', server: 'files' }))
  rmSync(filler)
  log.record(call(1))
  log.record(call(2))
  log.close()
  const [report] = verifyDirectory(directory)
  return {
    refused,
    refusedStart,
    before,
    whileFull,
    after: { events: report?.events, state: report?.state, unwritten: unwritten(log.path) },
  }
}

function fill(): void {
  const fd = openSync(filler, 'w')
  const page = Buffer.alloc(4096)
  const full = refusalOf(() => {
    for (;;) writeSync(fd, page)
  })
  closeSync(fd)
  if (!(full instanceof Error && 'code' in full && full.code === 'ENOSPC')) throw full
}

/** The count of the events that were lost, as the first event after them says it. */
function unwritten(file: string): unknown {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  const events = lines.map((line) => JSON.parse(line) as { unmapped: { unwritten?: number } })
  return events.at(-2)?.unmapped.unwritten ?? null
}

function refusal(act: () => unknown): object {
  const error = refusalOf(act)
  if (!(error instanceof GloveboxError)) throw error
  return { code: error.code, message: error.message, fix: error.fix }
}

function refusalOf(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was refused')
}
