import type { Summary } from './stats.ts'

/** A figure that was measured in several ways in the same run; the first way is the baseline. */
export interface Figure {
  readonly name: string
  readonly unit: 'ms' | 'MB' | 'per second' | 'cores'
  readonly ways: readonly Way[]
  readonly target: Target | undefined
}

export interface Way {
  readonly name: string
  readonly summary: Summary
}

/** What a figure has to come to, checked against the way named. */
export interface Target {
  readonly words: string
  readonly met: boolean
}

export interface Options {
  /** Rounds of the cases that start processes; the others scale with it. */
  readonly runs: number
  /** The command that `glovebox` is: a Node and the stub. */
  readonly glovebox: readonly string[]
  /** What every program that is measured gets, and no more: `NODE_EXTRA_CA_CERTS` alone costs a Node 30 ms. */
  readonly env: NodeJS.ProcessEnv
}

/** A case of the benchmark: measures its figures, in turns with their baselines. */
export type Case = (options: Options) => Promise<Figure[]>

/** The difference of two medians as a target. */
export function atMostAbove(base: Way, way: Way, limit: number, words: string): Target {
  return { words, met: way.summary.median - base.summary.median <= limit }
}
