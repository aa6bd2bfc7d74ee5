import { connect } from 'node:net'
import { GloveboxError, messageOf } from '../errors.ts'

/** A registry that does not take a connection in this time is not there: clients give up on a server after 10 s. */
const patienceMs = 4000

/**
 * Runs `work` while a connection to `host` is tried; when it cannot be had, the work is aborted.
 * @throws what `failure` makes of the reason
 */
export async function whileReachable<T>(
  target: () => Promise<{ readonly host: string; readonly port: number }>,
  failure: (why: string) => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const aborting = new AbortController()
  const working = work(aborting.signal)
  void target()
    .then(async ({ host, port }) => tryConnection(host, port))
    .catch((error: unknown) => aborting.abort(failure(messageOf(error))))
  // The work may fail first, for a better reason than ours; or be done, and then nobody waits for the probe.
  try {
    return await working
  } catch (error) {
    if (aborting.signal.aborted) throw aborting.signal.reason
    throw error
  }
}

async function tryConnection(host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, timeout: patienceMs })
    const end = (error?: Error): void => {
      clearTimeout(timer)
      socket.destroy()
      if (error === undefined) resolve()
      else reject(error)
    }
    // A look-up of the name is not covered by the socket's own timeout.
    const timer = setTimeout(() => end(new Error(`no answer in ${patienceMs / 1000} s`)), patienceMs)
    timer.unref()
    socket.unref()
    socket.once('connect', () => end())
    socket.once('error', end)
  })
}

/** The host and port of a URL, with the port that its scheme implies. */
export function endpointOf(text: string): { host: string; port: number } {
  const { hostname, port, protocol } = new URL(text)
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port),
  }
}

export function offlineError(registry: string, why: string): GloveboxError {
  return new GloveboxError('FAILED', `${registry} cannot be reached (${why}), and the package is not installed`, {
    fix: 'try again with a connection; installed ahead with `glovebox package install -- COMMAND`, it starts without one',
  })
}
