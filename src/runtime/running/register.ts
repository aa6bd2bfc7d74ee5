import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { messageOf } from '../../errors.ts'
import { makeDirectory } from '../../system/make-directory.ts'
import { processState } from '../../system/process-state.ts'
import type { Places } from '../../system/places.ts'
import { fileName, socketName, type RunningRecord } from './record.ts'
import { ownDirectory } from './own-directory.ts'
import { registryOf } from './registry.ts'

/** A sandbox that others can find while it runs. */
export interface Registered {
  /** Where the channel's socket belongs; undefined where no socket can be. */
  readonly socket: string | undefined
  /** Tells who it is. */
  announce(
    about: Pick<
      RunningRecord,
      'server' | 'driver' | 'plan' | 'command' | 'directory' | 'published' | 'silenceMs' | 'spare'
    >,
  ): void
  /** Takes it away again. Idempotent; synchronous, so that it can be the last thing done. */
  remove(): void
}

/** The longest path that a socket's address holds (unix(7)), without its final zero. */
const maxSocketPath = 107

/**
 * A place for this sandbox among the running ones. What cannot be made is told on stderr and stops nothing: the wall does
 * not depend on being found.
 */
export function register(places: Places, id: string): Registered {
  const directory = join(registryOf(places), `${id}.${process.pid}`)
  try {
    makeFromTheTop(places.runtime, directory)
  } catch (error) {
    tell(`this sandbox cannot be found by other commands: ${messageOf(error)}`)
    return { socket: undefined, announce: () => undefined, remove: () => undefined }
  }
  const socket = join(directory, socketName)
  const fits = Buffer.byteLength(socket) <= maxSocketPath
  const startedMs = Date.now()
  return {
    socket: fits ? socket : undefined,
    announce(about) {
      const record: RunningRecord = {
        schema: 'glovebox/sandbox/1',
        id,
        ...about,
        pid: process.pid,
        begun: processState(process.pid)?.begun ?? '',
        startedMs,
        socket: fits ? socket : null,
      }
      try {
        const path = join(directory, fileName)
        writeFileSync(`${path}.new`, `${JSON.stringify(record)}\n`, { mode: 0o600 })
        renameSync(`${path}.new`, path)
      } catch (error) {
        tell(`this sandbox cannot be found by other commands: ${messageOf(error)}`)
      }
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** From the top down: what is not ours yet could be a link to anywhere, and root would make directories there. */
function makeFromTheTop(runtime: string, directory: string): void {
  makeDirectory(dirname(runtime))
  for (const each of [runtime, dirname(directory), directory]) ownDirectory(each)
}

function tell(message: string): void {
  process.stderr.write(`glovebox: ${message}\n`)
}
