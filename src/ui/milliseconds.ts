/** A time for programs: hundredths of ms, which is finer than anything here is measured, and without a float's noise. */
export function milliseconds(ms: number): number {
  return Math.round(ms * 100) / 100
}
