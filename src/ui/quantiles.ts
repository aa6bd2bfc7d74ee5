export interface Quantiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** Nearest rank: a value that was measured, never one between two. Undefined of nothing. */
export function quantilesOf(values: readonly number[]): Quantiles | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
  return sorted.length === 0 ? undefined : { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}
