import { writeSync } from 'node:fs'
import { errorCode } from './error-code.ts'

const againAfterMs = 20

/**
 * Writes to our stderr without ever waiting inside of a write. Node's own stream does, where stderr is a pipe that is full: a
 * client that does not read what servers say would hold up every message, and the signals that are to end us.
 * @param onTaken whenever some more of it is written, after the first time
 * @returns undefined when all is written, else what settles when it is; what nobody can read any more counts as written
 */
export function writeStderr(bytes: Buffer, onTaken: () => void = () => undefined): Promise<void> | undefined {
  // Making Node's stream is what makes a pipe return EAGAIN (uv_pipe_open), and its reader may have gone.
  void process.stderr
  let rest = remaining(bytes)
  if (rest.length === 0) return undefined
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const left = remaining(rest)
      if (left.length < rest.length) onTaken()
      rest = left
      if (rest.length > 0) return
      clearInterval(timer)
      resolve()
    }, againAfterMs)
    // What nobody has read by the end keeps nothing alive.
    timer.unref()
  })
}

/** Writes what there is room for. */
function remaining(bytes: Buffer): Buffer {
  let rest = bytes
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(2, rest))
    } catch (error) {
      return errorCode(error) === 'EAGAIN' ? rest : Buffer.alloc(0)
    }
  }
  return rest
}
