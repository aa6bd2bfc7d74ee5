/**
 * Fuzzes the guard:
 *
 *     node fuzz/guard.ts --cases 1000000 --seed 1     a fixed run
 *     node fuzz/guard.ts --seconds 60                 a random one, whose seed is printed
 *     node fuzz/guard.ts --session 1234567            one session again, by the number that a failure names
 *
 * A case is one line. Nothing may throw; what is forwarded must be one message that every parser reads the same, with
 * no call of a hidden tool in it; who waits for a line that was refused must be told once; memory must stay bounded, and
 * the time that giant messages take in proportion to their bytes.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { TranscriptLine } from './guard/frames.ts'
import { checkGiants } from './guard/giants.ts'
import { runSession } from './guard/session.ts'
import type { SessionResult } from './guard/session.ts'

// A leak of a kilobyte a case shows in a million cases; the giants alone leave some 300 MiB to the collector.
const maxRssBytes = 768 * 2 ** 20

const { values: flags } = parseArgs({
  options: {
    cases: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    session: { type: 'string' },
  },
})
const transcripts = Object.fromEntries(
  ['filesystem', 'everything', 'modern'].map((name) => [name, readTranscript(name)]),
)

if (flags.session === undefined) run()
else runSession(number(flags.session), transcripts)

function run(): void {
  const seed = flags.seed === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : number(flags.seed)
  const maxCases = flags.cases === undefined ? (flags.seconds === undefined ? 100_000 : Infinity) : number(flags.cases)
  const start = performance.now()
  const end = flags.seconds === undefined ? Infinity : start + number(flags.seconds) * 1000
  process.stdout.write(`guard: seed ${seed}\n`)

  checkGiants()
  let cases = 0
  let forwarded = 0
  let session = seed
  while (cases < maxCases && performance.now() < end) {
    const result = runOne(session)
    cases += result.cases
    forwarded += result.forwarded
    session = (session + 1) >>> 0
  }
  const rss = process.memoryUsage().rss
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(
    `guard: ${cases} cases in ${seconds} s, ${forwarded} forwarded, 0 violations, ${rss >> 20} MiB\n`,
  )
  if (rss > maxRssBytes) fail(`the memory of the process grew to ${rss} bytes`)
}

function runOne(session: number): SessionResult {
  try {
    return runSession(session, transcripts)
  } catch (error) {
    return fail(
      `session ${session} (again with --session ${session}): ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

function fail(what: string): never {
  process.stderr.write(`guard: ${what}\n`)
  process.exit(1)
}

function number(text: string): number {
  const value = Number(text)
  return Number.isFinite(value) && value >= 0 && text !== '' ? value : fail(`${text} is no number`)
}

function readTranscript(name: string): TranscriptLine[] {
  const text = readFileSync(new URL(`../test/fixtures/transcripts/${name}.jsonl`, import.meta.url), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TranscriptLine)
}
