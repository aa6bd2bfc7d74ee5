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
  // Not as one of its first three: those libuv makes blocking (`uv__process_child_init`), and with them the description that we share.
  // A write to a client that does not read would stop our event loop then, its timers and signals with it.
  const watch = spawn(findInside(process.env), ['reader', '--fd', '3'], { stdio: ['pipe', 'ignore', 'ignore', 1] })
  const leave = (): void => void watch.stdin?.destroy()
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave, { once: true })
  try {
    await once(watch, 'exit')
  } catch {
    // It could not be started, which is answered like the end of a reader.
  }
}
