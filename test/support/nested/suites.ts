import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import { unlessSuitesNested } from '../requirement.ts'
import { broughtFirecracker } from './firecracker.ts'
import { runNested } from './nested.ts'
import { stepsOf, stepWords } from './steps.ts'

/** A file of tests. */
export interface NestedSuite {
  readonly title: string
  readonly file: string
  /** How many of its tests pass at least: those of the emulator's machines. */
  readonly atLeast: number
}

/** What came of one file of tests in a nested machine. */
interface SuiteOutcome {
  readonly passed: number
  /** What failed, by the names of the tests. */
  readonly failed: readonly string[]
  /** As its reporter said it. */
  readonly told: string
}

/** A test for each of these files: that all of it passes in a machine with a KVM, on this VMM; skipped where nobody asked for it too. */
export function suitesOnKvm(
  title: string,
  vmm: keyof typeof asked,
  skip: string | false,
  suites: readonly NestedSuite[],
): void {
  suite(title, { skip: unlessSuitesNested() || skip, ...patience }, () => {
    let outcomes: ReadonlyMap<string, SuiteOutcome>

    before(async () => {
      outcomes = await runOnKvm(vmm, suites)
    }, patience)

    for (const { title: what, file, atLeast } of suites) {
      test(what, () => {
        const { failed, passed, told } = outcomes.get(file) ?? assert.fail(`${file} was not run`)
        assert.deepEqual(failed, [], told)
        assert.ok(passed >= atLeast, told)
      })
    }
  })
}

/** What tries to get out of a guest's sandbox, and what a guest does that its root has taken over. */
export const escapeSuites: readonly NestedSuite[] = [
  { title: 'attacks in a sandbox of a guest', file: 'test/escape/microvm.test.ts', atLeast: 286 },
  { title: 'guests that are hostile', file: 'test/escape/hostile-guest.test.ts', atLeast: 12 },
]

/** Each case takes seconds, and there are some three hundred. */
const limitMs = 55 * 60_000
const patience = { timeout: limitMs + 5 * 60_000 }

/** What is asked for by name, so that no other takes its place. */
const asked = {
  firecracker: 'GLOVEBOX_VMM=firecracker',
  qemu: 'GLOVEBOX_VMM=qemu GLOVEBOX_ACCEL=kvm',
} as const

/**
 * Files of tests as they are, run by root in a machine with a KVM, with machines of this VMM on it: nothing of them is passed over
 * because the components are missing. In a machine of one processor: two of the emulator's, with nested paging below them, lock up
 * now and then, or shut down while they deliver a page fault (docs/verification/firecracker.md, "Four at once").
 */
async function runOnKvm(
  vmm: keyof typeof asked,
  suites: readonly NestedSuite[],
): Promise<ReadonlyMap<string, SuiteOutcome>> {
  const script = `
${stepWords}
export PATH=/opt/brought:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export GLOVEBOX_TEST_IMAGE_HOME=/root/home ${asked[vmm]} GLOVEBOX_LONG=1 REQUIRE_QEMU=1
unset GLOVEBOX_HOME
cd /opt/project
${suites.map(stepOf).join('\n')}
`
  const bring = vmm === 'firecracker' ? { bring: broughtFirecracker() } : {}
  const run = await runNested({ script, ...bring, withTests: true, limitMs, processors: 1 })
  assert.equal(run.code, 0, run.told)
  const told = stepsOf(run.output)
  return new Map(suites.map(({ file }) => [file, outcomeOf(told.get(file) ?? '')]))
}

function stepOf({ file }: NestedSuite): string {
  return `step ${file}; ended node --test --test-reporter=tap --test-timeout=900000 ${file}`
}

function outcomeOf(told: string): SuiteOutcome {
  const [, passed = '0'] = /^# pass (\d+)$/m.exec(told) ?? []
  const failed = [...told.matchAll(/^ *not ok \d+ - (.*)$/gm)].map(([, name = '']) => name)
  // A file that ends before its tests are told of.
  const isWhole = /^# fail 0$/m.test(told) && /^# cancelled 0$/m.test(told)
  return { passed: Number(passed), failed: isWhole || failed.length > 0 ? failed : ['the file itself'], told }
}
