/**
 * Milliseconds of a clock that nobody sets, since some time in the past. `performance.now()` is the same clock, whose first use
 * makes Node load all that `node:perf_hooks` has: two milliseconds of a start.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
