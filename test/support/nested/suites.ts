import assert from 'node:assert/strict'
import { broughtFirecracker } from './firecracker.ts'
import { runNested } from './nested.ts'
import { stepsOf, stepWords } from './steps.ts'

/** A file of tests; `sections`, where not all of it, by the names of its suites. */
export interface NestedSuite {
  readonly file: string
  readonly sections?: readonly string[]
}

/** What came of one file of tests in a nested machine. */
export interface SuiteOutcome {
  readonly passed: number
  /** What failed, by the names of the tests. */
  readonly failed: readonly string[]
  /** As its reporter said it. */
  readonly told: string
}

/** Each case takes seconds, and there are some fifty. */
const limitMs = 55 * 60_000

/**
 * Files of tests as they are, run by root in a machine with a KVM, where Firecracker is the VMM that is asked for by name: nothing of
 * them is passed over because the components are missing.
 */
export async function runOnFirecracker(suites: readonly NestedSuite[]): Promise<ReadonlyMap<string, SuiteOutcome>> {
  const script = `
${stepWords}
export PATH=/opt/brought:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export GLOVEBOX_TEST_IMAGE_HOME=/root/home GLOVEBOX_VMM=firecracker GLOVEBOX_LONG=1 REQUIRE_QEMU=1
unset GLOVEBOX_HOME
cd /opt/project
${suites.map(stepOf).join('\n')}
`
  const run = await runNested({ script, bring: broughtFirecracker(), withTests: true, limitMs })
  assert.equal(run.code, 0, run.told)
  const told = stepsOf(run.output)
  return new Map(suites.map(({ file }) => [file, outcomeOf(told.get(file) ?? '')]))
}

function stepOf({ file, sections }: NestedSuite): string {
  const pattern = sections === undefined ? '' : `--test-name-pattern='/^(${sections.join('|')})/'`
  return `step ${file}; ended node --test --test-reporter=tap --test-timeout=900000 ${pattern} ${file}`
}

export function outcomeOf(told: string): SuiteOutcome {
  const [, passed = '0'] = /^# pass (\d+)$/m.exec(told) ?? []
  const failed = [...told.matchAll(/^ *not ok \d+ - (.*)$/gm)].map(([, name = '']) => name)
  // A file that ends before its tests are told of.
  const isWhole = /^# fail 0$/m.test(told) && /^# cancelled 0$/m.test(told)
  return { passed: Number(passed), failed: isWhole || failed.length > 0 ? failed : ['the file itself'], told }
}
