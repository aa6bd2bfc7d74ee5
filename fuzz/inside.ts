/**
 * Fuzzes the client of the inside, with a hostile inside:
 *
 *     node fuzz/inside.ts --cases 500000 --seed 1     a fixed run
 *     node fuzz/inside.ts --seconds 60                a random one, whose seed is printed
 *     node fuzz/inside.ts --session 1234567           one session again, by the number that a failure names
 *
 * A case is one HTTP/2 frame that the peer sends. Every call must end, with an answer or with an error of ours; nothing may
 * be thrown elsewhere, nothing may hang, and memory must stay bounded.
 */
import { parseArgs } from 'node:util'
import { runSession } from './inside/session.ts'

const maxRssBytes = 768 * 2 ** 20
/** What is left of a session when its peer is gone takes no longer. */
const maxSessionMs = 10_000
/** So many at once: a session mostly waits for its own next read. */
const lanes = 4

const { values: flags } = parseArgs({
  options: {
    cases: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    session: { type: 'string' },
  },
})

// What nobody waits for is a bug of ours, and it must not pass for an end of a session.
process.on('unhandledRejection', (error) => fail(`a rejection that nobody took: ${describe(error)}`))
process.on('uncaughtException', (error) => fail(`thrown where nobody catches: ${describe(error)}`))

if (flags.session === undefined) await run()
else process.stdout.write(`${JSON.stringify(await runSession(number(flags.session)))}\n`)

async function run(): Promise<void> {
  const seed = flags.seed === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : number(flags.seed)
  const maxCases = flags.cases === undefined ? (flags.seconds === undefined ? 50_000 : Infinity) : number(flags.cases)
  const start = performance.now()
  const end = flags.seconds === undefined ? Infinity : start + number(flags.seconds) * 1000
  process.stdout.write(`inside: seed ${seed}\n`)
  let next = seed
  let [frames, answered, refused] = [0, 0, 0]
  const lane = async (): Promise<void> => {
    while (frames < maxCases && performance.now() < end) {
      const session = next
      next = (next + 1) >>> 0
      const result = await bounded(session)
      frames += result.frames
      answered += result.answered
      refused += result.refused
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  const rss = process.memoryUsage().rss
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(
    `inside: ${frames} frames in ${seconds} s, ${answered} calls answered, ${refused} ended with an error, ${rss >> 20} MiB\n`,
  )
  if (rss > maxRssBytes) fail(`the memory of the process grew to ${rss} bytes`)
  if (answered === 0 || refused === 0) fail('calls that all end in one way show nothing')
}

async function bounded(session: number): ReturnType<typeof runSession> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`a call has not ended after ${maxSessionMs} ms`)), maxSessionMs)
  })
  try {
    return await Promise.race([runSession(session), late])
  } catch (error) {
    return fail(`session ${session} (again with --session ${session}): ${describe(error)}`)
  } finally {
    clearTimeout(timer)
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function fail(what: string): never {
  process.stderr.write(`inside: ${what}\n`)
  process.exit(1)
}

function number(text: string): number {
  const value = Number(text)
  return Number.isFinite(value) && value >= 0 && text !== '' ? value : fail(`${text} is no number`)
}
