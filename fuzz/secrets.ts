/**
 * Fuzzes how secrets are put into requests of a hostile sandbox, which knows its placeholders and spells them as it likes:
 *
 *     node fuzz/secrets.ts --cases 1000000 --seed 1      a fixed run
 *     node fuzz/secrets.ts --seconds 60                  a random one, whose seed is printed
 *     node fuzz/secrets.ts --case 1234567                one case again, by the number that a failure names
 *
 * Nothing may be thrown. What goes out has a value in the place that it is bound to and nowhere else, to no host that it is not bound to,
 * and no placeholder in any spelling that a careless reader understands; what is refused tells no value.
 */
import { parseArgs } from 'node:util'
import { createRandom } from './guard/random.ts'
import { checkSecrets } from './egress/secret-requests.ts'

const { values: flags } = parseArgs({
  options: {
    cases: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    case: { type: 'string' },
  },
})

if (flags.case === undefined) run()
else process.stdout.write(`${runCase(number(flags.case))}\n`)

function run(): void {
  const seed = flags.seed === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : number(flags.seed)
  const maxCases = flags.cases === undefined ? (flags.seconds === undefined ? 50_000 : Infinity) : number(flags.cases)
  const start = performance.now()
  const end = flags.seconds === undefined ? Infinity : start + number(flags.seconds) * 1000
  process.stdout.write(`secrets: seed ${seed}\n`)
  const verdicts = new Map<string, number>()
  let cases = 0
  for (let at = seed; cases < maxCases && performance.now() < end; at = (at + 1) >>> 0) {
    const verdict = runCase(at)
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
    cases++
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(`secrets: ${cases} cases in ${seconds} s, 0 violations\n`)
  for (const verdict of [...verdicts.keys()].toSorted())
    process.stdout.write(`  ${verdict}: ${verdicts.get(verdict)}\n`)
  // A run that never puts anything in, or never refuses, shows nothing.
  const missing = ['put in', 'as it was', 'refused'].find((each) => !verdicts.has(each))
  if (cases >= 4000 && missing !== undefined) fail(`not one case came to "${missing}"`)
}

/** The number of a case is the seed of its request; placeholders are new each time. */
function runCase(at: number): string {
  try {
    return checkSecrets(createRandom(at))
  } catch (error) {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return fail(`case ${at} (again with --case ${at}): ${why}`)
  }
}

function number(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) return fail(`"${text}" is no count`)
  return value
}

function fail(why: string): never {
  process.stderr.write(`secrets: ${why}\n`)
  process.exit(1)
}
