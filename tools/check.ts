import { availableParallelism } from 'node:os'
import { checks, type Check } from './checks.ts'
import { finish, report, type Outcome } from './outcome.ts'

/** `npm run check`: everything that is checked before a change lands, one command. Independent checks run side by side. */
const outcomes: Outcome[] = []
const waiting: Check[] = checks(process.env['CARGO'])
const workers = Array.from({ length: Math.min(2, availableParallelism()) }, async () => {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
    const outcome = await finish(check)
    outcomes.push(outcome)
    report(outcome)
  }
})
await Promise.all(workers)

const failed = outcomes.filter(({ ok }) => !ok)
if (failed.length > 0) {
  process.stderr.write(
    `\n${failed.length} of ${outcomes.length} checks failed: ${failed.map(({ name }) => name).join(', ')}\n`,
  )
  process.stderr.write('`npm run fix` repairs formatting and what the linters can repair.\n')
  process.exitCode = 1
}
