import { Interrupted } from './interrupted.ts'

/** Signals by which a terminal, a client or a service manager asks us to end. */
const ending: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']

/**
 * Calls `onSignal` for each request to end; the returned function takes the handlers away.
 * A handler must be in place before anything is started: the default action would leave the goodbye to the kernel.
 */
export function onEndingSignals(onSignal: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of ending) process.on(signal, onSignal)
  return () => {
    for (const signal of ending) process.off(signal, onSignal)
  }
}

/** Work that a wish of the user's to end is handed to, and that ends with it. @throws Interrupted */
export async function untilSignalled<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController()
  const release = onEndingSignals((signal) => interrupted.abort(new Interrupted(signal)))
  try {
    return await work(interrupted.signal)
  } finally {
    release()
  }
}
