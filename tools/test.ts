import { paint } from './paint.ts'
import { ordinaryUser } from '../test/support/as-user.ts'
import { checks } from './checks.ts'
import { finish, report } from './outcome.ts'
import { liveChildren } from './testing/live.ts'
import { runCargoSuite, runNodeSuite, runProgramSuite } from './testing/run-suite.ts'
import { suites, type Suite } from './testing/suites.ts'
import { inWords, nothing, sum, type Tally } from './testing/tally.ts'

/** `npm test [-- SUITE…]`: all tests, or the suites that are named. `CI=true` selects the long counts and the checks too. */
const isCi = process.env['CI'] === 'true'
if (isCi) process.env['GLOVEBOX_LONG'] = '1'
const asked = process.argv.slice(2)
const known = suites(isCi)
const isMeant = (word: string, { name }: Suite): boolean => name === word || name.startsWith(`${word} `)
const unknown = asked.filter((word) => !known.some((suite) => isMeant(word, suite)))
if (unknown.length > 0) {
  process.stderr.write(`no suite is named ${unknown.join(', ')}: ${known.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}

const live = liveChildren()
const tallies: Tally[] = []
if (isCi && asked.length === 0) tallies.push(await runChecks())
const wanted = known.filter((suite) => asked.length === 0 || asked.some((word) => isMeant(word, suite)))
for (const suite of wanted) tallies.push(...(await runSuite(suite)))
conclude(sum(tallies))

async function runSuite(suite: Suite): Promise<Tally[]> {
  if (suite.kind === 'node' && suite.files.length === 0) return []
  const own = await timed(suite.name, async () => runHere(suite))
  if (suite.kind !== 'node' || !suite.asUserToo || process.getuid?.() !== 0) return [own]
  return [own, await timed(`${suite.name}, as an ordinary user`, async () => runNodeSuite(suite, live, ordinaryUser()))]
}

async function runHere(suite: Suite): Promise<Tally> {
  switch (suite.kind) {
    case 'node':
      return runNodeSuite(suite, live)
    case 'cargo':
      return runCargoSuite(process.env['CARGO'] ?? 'cargo', live)
    case 'program':
      return runProgramSuite(suite, live)
  }
}

/** What `npm run check` does, without the tests, which follow anyway. */
async function runChecks(): Promise<Tally> {
  process.stdout.write(paint.bold('\nchecks\n'))
  const results: Tally[] = []
  for (const check of checks(process.env['CARGO']).filter(({ name }) => !name.endsWith('tests'))) {
    const outcome = await finish(check)
    report(outcome)
    results.push(outcome.ok ? { ...nothing, passed: 1 } : { ...nothing, failed: 1 })
  }
  return sum(results)
}

async function timed(name: string, work: () => Promise<Tally>): Promise<Tally> {
  process.stdout.write(paint.bold(`\n${name}\n`))
  const started = performance.now()
  const tally = await work()
  process.stdout.write(
    paint.dim(`  ${name}: ${inWords(tally)} in ${((performance.now() - started) / 1000).toFixed(1)} s\n`),
  )
  return tally
}

/** The reasons of all skips, then the line that machines read too. */
function conclude(total: Tally): void {
  if (total.skips.length > 0) process.stdout.write(`\nskipped:\n${total.skips.map((skip) => `  ${skip}\n`).join('')}`)
  process.stdout.write(`\n${inWords(total)}\n`)
  if (total.failed > 0 || total.passed === 0) process.exitCode = 1
}
