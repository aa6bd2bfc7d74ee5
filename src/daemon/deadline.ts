import { GloveboxError } from '../errors.ts'
import { patience } from '../system/patience.ts'

/**
 * One bound of time for everything that a work does: its signal is aborted when the time is over, or with `signal`.
 * @param late made when the time is over: what it says may depend on how far the work has come
 */
export async function withDeadline<T>(
  {
    timeMs,
    signal,
    late,
  }: { readonly timeMs: number; readonly signal: AbortSignal; readonly late: () => GloveboxError },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const settle = patience(timeMs, () => over.abort(late()))
  try {
    return await work(AbortSignal.any([signal, over.signal]))
  } finally {
    settle()
  }
}

/** A server that somebody waited for is not there yet. */
export function notThere(name: string, timeMs: number): GloveboxError {
  return new GloveboxError(
    'TIMED_OUT',
    `the server "${name}" is being started, and was not there within ${timeMs / 1000} s`,
    { fix: `wait for longer: --timeout; glovebox status shows how it stands with ${name}` },
  )
}
