import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { findInside } from './native.ts'

/**
 * Settles when nobody reads our stdout any more. Node does not watch what it only writes to, so a small program of ours does
 * (poll(2), POLLERR of a pipe and POLLHUP of a socket); a file always has a reader. Where that program cannot be started nobody
 * is known to read, and it settles at once.
 * @param signal nobody wants to know any more: the program ends, as it does when we do
 */
export async function readerGone(signal: AbortSignal): Promise<void> {
  // Not told by `signal` itself, which would be an error: the end of its input is enough, and holds when we are killed.
  const watch = spawn(findInside(process.env), ['reader'], { stdio: ['pipe', 1, 'ignore'] })
  const leave = (): void => void watch.stdin?.destroy()
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave, { once: true })
  try {
    await once(watch, 'exit')
  } catch {
    // It could not be started, which is answered like the end of a reader.
  }
}
