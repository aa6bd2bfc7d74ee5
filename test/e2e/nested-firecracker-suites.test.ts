import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { whyNoFirecracker } from '../support/nested/firecracker.ts'
import { runOnFirecracker, type SuiteOutcome } from '../support/nested/suites.ts'
import { unlessPresent } from '../support/requirement.ts'

/** How many cases pass at least: those of QEMU, of which some are passed over for what a machine is and not for what runs it. */
const suites = [
  {
    title:
      'the contract of drivers, but for its networks, of whose four sandboxes at once one may end (docs/verification/firecracker.md, "Four at once")',
    file: 'test/contract/microvm.test.ts',
    sections: ['starting', 'streams', 'command', 'ends', 'receipt', 'limits', 'isolation', 'datagrams', 'owner'],
    atLeast: 53,
  },
  { title: 'the identity of clones, and the end of machines', file: 'test/e2e/microvm.test.ts', atLeast: 5 },
] as const

const patience = { timeout: 60 * 60_000 }

suite(
  'Firecracker, by the suites of QEMU',
  { skip: unlessPresent('FIRECRACKER', await whyNoFirecracker()), ...patience },
  () => {
    let outcomes: ReadonlyMap<string, SuiteOutcome>

    before(async () => {
      outcomes = await runOnFirecracker(suites)
    }, patience)

    for (const { title, file, atLeast } of suites) {
      test(title, () => {
        const { failed, passed, told } = outcomes.get(file) ?? assert.fail(`${file} was not run`)
        assert.deepEqual(failed, [], told)
        assert.ok(passed >= atLeast, told)
      })
    }
  },
)
