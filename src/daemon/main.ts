import { closeSync, writeSync } from 'node:fs'
import { GloveboxError } from '../errors.ts'
import { places } from '../system/places.ts'
import { alreadyRuns, runDaemon } from './daemon.ts'

/** `daemon start --foreground`: from the first line of the log to the last. */
export async function daemonMain({
  idleMs,
  readyFd,
}: {
  readonly idleMs: number
  /** Whoever started us waits there to be told how it went. */
  readonly readyFd: number | undefined
}): Promise<void> {
  const say = reporter(readyFd)
  const tell = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line}\n`)
  // What we do not expect ends us, with a line that says so: the sandboxes end with us, and the next daemon tells it.
  try {
    await runDaemon({ places: places(process.env), idleMs, onReady: () => say('ready\n'), tell })
  } catch (error) {
    const isTaken = error instanceof GloveboxError && error.message === alreadyRuns
    say(isTaken ? 'taken\n' : `${error instanceof Error ? error.message : String(error)}\n`)
    throw error
  }
}

function reporter(fd: number | undefined): (word: string) => void {
  let isOpen = fd !== undefined
  return (word) => {
    if (!isOpen || fd === undefined) return
    isOpen = false
    try {
      writeSync(fd, word)
    } catch (error) {
      // They have gone meanwhile, and want to know nothing any more.
      if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error
    } finally {
      closeSync(fd)
    }
  }
}
