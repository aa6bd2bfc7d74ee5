import { repairs } from './checks.ts'
import { finish, report } from './outcome.ts'

/** `npm run fix`: repairs what can be repaired without a person. */
for (const repair of repairs(process.env['CARGO'])) {
  const outcome = await finish(repair)
  report(outcome)
  if (!outcome.ok) process.exitCode = 1
}
