/** What a run of tests came to. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  /** `where: title` with what was wrong below it, for each that can be named. */
  readonly failures: readonly string[]
  /** `where: title — reason`, one for each. */
  readonly skips: readonly string[]
}

export const nothing: Tally = { passed: 0, failed: 0, failures: [], skips: [] }

export function sum(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((all, { passed }) => all + passed, 0),
    failed: tallies.reduce((all, { failed }) => all + failed, 0),
    failures: tallies.flatMap(({ failures }) => failures),
    skips: tallies.flatMap(({ skips }) => skips),
  }
}

/** The longest that is said of one failure where all are listed; the whole stands where it happened. */
const mostLines = 12

/** A failure for the list at the end: a run's output can be long, or kept in part only, and its last lines are what is read. */
export function named(title: string, said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '')
  const rest = lines.length > mostLines ? [`… ${lines.length - mostLines} lines more above`] : []
  return [title, ...lines.slice(0, mostLines), ...rest].join('\n    ')
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
    failures: [...output.matchAll(/^---- (.+) stdout ----\n([^]*?)(?=^---- |^failures:$|^test result)/gm)].map(
      ([, name = '', said = '']) => named(name, said),
    ),
    skips: ignored.map(([, name, reason]) => `${name} — ${reason ?? 'ignored without a reason'}`),
  }
}
