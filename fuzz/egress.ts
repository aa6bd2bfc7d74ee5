/**
 * Fuzzes what the egress reads of a hostile sandbox, all of which is pure:
 *
 *     node fuzz/egress.ts --cases 1000000 --seed 1      a fixed run
 *     node fuzz/egress.ts --seconds 60                  a random one, whose seed is printed
 *     node fuzz/egress.ts --case 1234567                one case again, by the number that a failure names
 *
 * Nothing may be thrown. A verdict on first bytes does not change with what comes after; whatever passes says, to a second
 * and careless reader too, the name that it is for; no answer of the resolver is longer than a datagram may be.
 */
import { parseArgs } from 'node:util'
import { checkBytes, type Kind } from './egress/check.ts'
import { randomBytes, kinds } from './egress/bytes.ts'
import { createRandom } from './guard/random.ts'

const { values: flags } = parseArgs({
  options: {
    cases: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    case: { type: 'string' },
  },
})

if (flags.case === undefined) run()
else process.stdout.write(`${runCase(number(flags.case)).verdict}\n`)

function run(): void {
  const seed = flags.seed === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : number(flags.seed)
  const maxCases = flags.cases === undefined ? (flags.seconds === undefined ? 50_000 : Infinity) : number(flags.cases)
  const start = performance.now()
  const end = flags.seconds === undefined ? Infinity : start + number(flags.seconds) * 1000
  process.stdout.write(`egress: seed ${seed}\n`)
  const verdicts = new Map<string, number>()
  let cases = 0
  for (let at = seed; cases < maxCases && performance.now() < end; at = (at + 1) >>> 0) {
    const { kind, verdict } = runCase(at)
    verdicts.set(`${kind} ${verdict}`, (verdicts.get(`${kind} ${verdict}`) ?? 0) + 1)
    cases++
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(`egress: ${cases} cases in ${seconds} s, 0 violations\n`)
  for (const verdict of [...verdicts.keys()].toSorted())
    process.stdout.write(`  ${verdict}: ${verdicts.get(verdict)}\n`)
  // A run that never gets through, or never is refused, shows nothing.
  const wanted = [
    'first pass',
    'first refuse',
    'dns answered',
    'dns refused',
    'head forwarded',
    'head refused',
    'frames taken',
  ]
  const missing = wanted.find((each) => !verdicts.has(each))
  if (cases >= 4000 && missing !== undefined) fail(`not one case came to "${missing}"`)
}

/** The number of a case is the seed of its bytes. */
function runCase(at: number): { kind: Kind; verdict: string } {
  const random = createRandom(at)
  const kind = random.pick(kinds)
  const bytes = randomBytes(kind, random)
  try {
    return { kind, verdict: checkBytes(kind, bytes, random) }
  } catch (error) {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return fail(`case ${at} (again with --case ${at}): ${kind} ${bytes.toString('hex')}: ${why}`)
  }
}

function fail(what: string): never {
  process.stderr.write(`egress: ${what}\n`)
  process.exit(1)
}

function number(text: string): number {
  const value = Number(text)
  return Number.isFinite(value) && value >= 0 && text !== '' ? value : fail(`${text} is no number`)
}
