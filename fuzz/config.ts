/**
 * Fuzzes the readers of configurations, profiles, manifests and network rules:
 *
 *     node fuzz/config.ts --cases 1000000 --seed 1      a fixed run
 *     node fuzz/config.ts --seconds 60                  a random one, whose seed is printed
 *     node fuzz/config.ts --only yaml --seconds 60      one reader
 *     node fuzz/config.ts --case 1234567 --only json    one case again, by the number that a failure names
 *
 * Nothing may crash: a text is read, or refused with its place and what to do. JSON and TOML have to say what another reader
 * says; an edit must not change what is around it; hostile texts may not cost more than their length.
 */
import { parseArgs } from 'node:util'
import { maxFileBytes } from '../src/config/source.ts'
import { checkText } from './config/check.ts'
import { hostile, kinds, randomText } from './config/texts.ts'
import { createRandom } from './guard/random.ts'

/** Far above what the slowest of them takes on a busy machine, far below what quadratic time would. */
const maxHostileMs = 20_000

const { values: flags } = parseArgs({
  options: {
    cases: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    only: { type: 'string' },
    case: { type: 'string' },
  },
})
const chosen = kinds.filter((kind) => flags.only === undefined || kind === flags.only)
// The YAML parser takes ten times as long as the others.
const weighted = chosen.flatMap((kind) => (kind === 'yaml' ? [kind] : [kind, kind, kind]))
if (chosen.length === 0) fail(`--only is one of ${kinds.join(', ')}`)

if (flags.case === undefined) await run()
else await runCase(number(flags.case))

async function run(): Promise<void> {
  const seed = flags.seed === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : number(flags.seed)
  const maxCases = flags.cases === undefined ? (flags.seconds === undefined ? 50_000 : Infinity) : number(flags.cases)
  const start = performance.now()
  const end = flags.seconds === undefined ? Infinity : start + number(flags.seconds) * 1000
  process.stdout.write(`config: seed ${seed}\n`)
  // They are the same in every run: a run by the clock is for random texts.
  if (flags.seconds === undefined) await runHostile()
  let [cases, read] = [0, 0]
  for (let at = seed; cases < maxCases && performance.now() < end; at = (at + 1) >>> 0) {
    if ((await runCase(at)) === 'read') read++
    cases++
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(`config: ${cases} cases in ${seconds} s, ${read} read, 0 violations\n`)
}

/** The number of a case is the seed of its text. */
async function runCase(at: number): Promise<'read' | 'refused'> {
  const random = createRandom(at)
  const kind = random.pick(weighted)
  const text = randomText(kind, random)
  try {
    return await checkText(kind, text)
  } catch (error) {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const only = flags.only === undefined ? '' : ` --only ${flags.only}`
    return fail(`case ${at} (again with --case ${at}${only}): ${kind} ${JSON.stringify(text)}: ${why}`)
  }
}

async function runHostile(): Promise<void> {
  for (const kind of chosen) {
    for (const [index, make] of hostile[kind].entries()) {
      const start = performance.now()
      await checkText(kind, make(maxFileBytes - 1024)).catch((error: unknown) =>
        fail(`hostile ${kind} ${index}: ${String(error)}`),
      )
      const took = performance.now() - start
      if (took > maxHostileMs) fail(`hostile ${kind} ${index} took ${Math.round(took)} ms for ${maxFileBytes} bytes`)
    }
  }
}

function fail(what: string): never {
  process.stderr.write(`config: ${what}\n`)
  process.exit(1)
}

function number(text: string): number {
  const value = Number(text)
  return Number.isFinite(value) && value >= 0 && text !== '' ? value : fail(`${text} is no number`)
}
