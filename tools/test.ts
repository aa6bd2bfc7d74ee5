import { ordinaryUser } from '../test/support/as-user.ts'
import { checks } from './checks.ts'
import { finish, report } from './outcome.ts'
import { paint } from './paint.ts'
import { shareCompiled } from './testing/compiled.ts'
import { liveChildren } from './testing/live.ts'
import { runSuite, type Manner, type SuiteResult } from './testing/run-suite.ts'
import { suites, type Suite } from './testing/suites.ts'
import { inWords, named, nothing, sum, type Tally } from './testing/tally.ts'

/** `npm test [-- SUITE…]`: all tests, or the suites that are named. `CI=true` selects the long counts and the checks too. */
const isCi = process.env['CI'] === 'true'
if (isCi) process.env['GLOVEBOX_LONG'] = '1'
const asked = process.argv.slice(2)
const known = suites(isCi, process.env['CARGO'])
const isMeant = (word: string, { name }: Suite): boolean => name === word || name.startsWith(`${word} `)
const unknown = asked.filter((word) => !known.some((suite) => isMeant(word, suite)))
if (unknown.length > 0) {
  process.stderr.write(`no suite is named ${unknown.join(', ')}: ${known.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}

const live = liveChildren()
const compiled = shareCompiled()
Object.assign(process.env, compiled.env)
live.atEnd(compiled.remove)
const tallies: Tally[] = []
const wanted = known.filter((suite) => asked.length === 0 || asked.some((word) => isMeant(word, suite)))
const alone = wanted.filter((suite) => isCi && suite.alone)
const inFront = wanted.filter((suite) => !suite.aside && !alone.includes(suite))
const aside = wanted.filter((suite) => suite.aside && suite.kind !== 'program')
const fuzzers = wanted.filter(({ kind }) => kind === 'program')
if (isCi && asked.length === 0) tallies.push(await runChecks())
// On CI some have the machine to themselves: one that is starved says little of the code.
await runLane(alone, false)
// Two lanes for two processors: what waits and measures time in front, what only computes or downloads aside.
await Promise.all([runLane(inFront, false).then(runFuzzers), runLane(aside, inFront.length > 0).then(runFuzzers)])
conclude(sum(tallies))

async function runLane(lane: readonly Suite[], isAside: boolean): Promise<void> {
  const manner = { live, aside: isAside, kept: isAside }
  for (const suite of lane) {
    const own = tell(suite.name, manner, async () => runSuite(suite, manner))
    // On CI one after the other: see `alone`.
    if (isCi) await own
    const theirs = suite.asUserToo && process.getuid?.() === 0 ? asUser(suite, { ...manner, kept: !isCi }) : undefined
    await Promise.all([own, theirs])
  }
}

/** One after the other, by each lane that is done with its own. */
async function runFuzzers(): Promise<void> {
  for (let next = fuzzers.shift(); next !== undefined; next = fuzzers.shift()) await runLane([next], wanted.length > 1)
}

async function asUser(suite: Suite, manner: Manner): Promise<void> {
  const runner = ordinaryUser()
  await tell(`${suite.name}, as an ordinary user`, manner, async () => runSuite(suite, { ...manner, runner }))
}

/** What is shown at once says its name before, what is kept says all together at its end. */
async function tell(name: string, manner: Manner, work: () => Promise<SuiteResult>): Promise<void> {
  const heading = paint.bold(`\n${name}\n`)
  if (!manner.kept) process.stdout.write(heading)
  const started = performance.now()
  const { tally, output } = await work()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const closing = paint.dim(`  ${name}: ${inWords(tally)} in ${seconds} s\n`)
  process.stdout.write(`${manner.kept ? heading : ''}${output}${closing}`)
  tallies.push(tally)
}

/** What `npm run check` does, without the tests, which follow anyway. */
async function runChecks(): Promise<Tally> {
  process.stdout.write(paint.bold('\nchecks\n'))
  const results: Tally[] = []
  for (const check of checks(process.env['CARGO']).filter(({ name }) => !name.endsWith('tests'))) {
    const outcome = await finish(check)
    report(outcome)
    const { ok, name, output } = outcome
    results.push(ok ? { ...nothing, passed: 1 } : { ...nothing, failed: 1, failures: [named(name, output)] })
  }
  return sum(results)
}

/** The reasons of all skips, what failed once more, then the line that machines read too. */
function conclude(total: Tally): void {
  list('skipped', total.skips)
  list('failed', total.failures)
  process.stdout.write(`\n${inWords(total)}\n`)
  if (total.failed > 0 || total.passed === 0) process.exitCode = 1
}

function list(heading: string, entries: readonly string[]): void {
  if (entries.length > 0) process.stdout.write(`\n${heading}:\n${entries.map((entry) => `  ${entry}\n`).join('')}`)
}
