import assert from 'node:assert/strict'
import { before } from 'node:test'
import { runNested, type NestedRun } from './nested.ts'
import { stepsOf } from './steps.ts'

/** A script that was run in a nested machine. */
export interface Ran {
  /** All that was said, for whoever reads a failure. */
  readonly told: string
  /** What one step of it said; none of that name fails the test. */
  step(name: string): string
}

/** Within a suite: runs the script before its tests, once. A script that fails, fails all of them. */
export function ranBefore(run: NestedRun, patience: { readonly timeout?: number } = {}): Ran {
  let said: ReadonlyMap<string, string> = new Map()
  let told = ''
  before(async () => {
    const result = await runNested(run)
    said = stepsOf(result.output)
    told = result.told
    assert.equal(result.code, 0, told)
  }, patience)
  return {
    get told() {
      return told
    },
    step: (name) => said.get(name) ?? assert.fail(`no step ${name}:\n${told}`),
  }
}
