/** What is told of a list of times or sizes. */
export interface Summary {
  readonly runs: number
  readonly median: number
  readonly p95: number
  readonly p99: number
  readonly min: number
}

export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new Error('nothing was measured')
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => quantile(sorted, share)
  return { runs: values.length, median: at(0.5), p95: at(0.95), p99: at(0.99), min: at(0) }
}

/** Linear between the two nearest values (type 7 of Hyndman and Fan, what most programs call a quantile). */
function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
  if (below === undefined || above === undefined) throw new Error('a quantile of nothing')
  return below + (above - below) * (place - Math.floor(place))
}
