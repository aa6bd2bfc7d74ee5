/** What a run of tests came to. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  /** `where: title — reason`, one for each. */
  readonly skips: readonly string[]
}

export const nothing: Tally = { passed: 0, failed: 0, skips: [] }

export function sum(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((all, { passed }) => all + passed, 0),
    failed: tallies.reduce((all, { failed }) => all + failed, 0),
    skips: tallies.flatMap(({ skips }) => skips),
  }
}

/** `12 passed, 0 failed`, and `, 1 skipped` where there is one. */
export function inWords({ passed, failed, skips }: Tally): string {
  return `${passed} passed, ${failed} failed${skips.length > 0 ? `, ${skips.length} skipped` : ''}`
}

/** The closing lines of `cargo test`, one for each binary and for the examples in the documentation. */
export function tallyOfCargo(output: string): Tally {
  const lines = [...output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm)]
  const ignored = [...output.matchAll(/^test (.+) \.\.\. ignored(?:, (.+))?$/gm)]
  return {
    passed: lines.reduce((all, [, passed]) => all + Number(passed), 0),
    failed: lines.reduce((all, [, , failed]) => all + Number(failed), 0),
    skips: ignored.map(([, name, reason]) => `${name} — ${reason ?? 'ignored without a reason'}`),
  }
}
