import { lstatSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../errors.ts'
import { processState } from '../../system/process-state.ts'
import { namesIn } from '../../system/names-in.ts'
import type { Places } from '../../system/places.ts'
import { ownDirectory } from './own-directory.ts'
import { fileName, parseRecord, type RunningRecord } from './record.ts'
import { registryOf } from './registry.ts'

/** A start takes milliseconds to say who it is; what stays silent for longer never will. */
const silentMs = 60_000

/**
 * The sandboxes of this user that run now, the oldest first. What was left by processes that were killed is removed.
 * @throws GloveboxError REFUSED where the place is somebody else's
 */
export function listRunning(places: Places): RunningRecord[] {
  const directory = registryOf(places)
  const names = namesIn(directory)
  if (names.length > 0) {
    ownDirectory(places.runtime)
    ownDirectory(directory)
  }
  const running: RunningRecord[] = []
  for (const name of names) {
    const path = join(directory, name)
    const found = lookAt(path, name)
    if (found === 'dead') rmSync(path, { recursive: true, force: true })
    else if (found !== 'starting') running.push(found)
  }
  return running.sort((a, b) => a.startedMs - b.startedMs)
}

/** Removes what killed processes left. What keeps it from that is told, and stops nothing. */
export function reapRunning(places: Places): void {
  try {
    listRunning(places)
  } catch (error) {
    process.stderr.write(`glovebox: what is left of earlier sandboxes stays: ${messageOf(error)}\n`)
  }
}

function lookAt(path: string, name: string): RunningRecord | 'dead' | 'starting' {
  const record = read(path)
  if (record !== undefined) {
    const owner = processState(record.pid)
    return owner !== undefined && owner.begun === record.begun ? record : 'dead'
  }
  const [, pid] = /^[a-z0-9-]{1,64}\.(\d{1,10})$/.exec(name) ?? []
  if (pid === undefined || processState(Number(pid)) === undefined) return 'dead'
  const age = Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)
  return age > silentMs ? 'dead' : 'starting'
}

function read(path: string): RunningRecord | undefined {
  try {
    return parseRecord(readFileSync(join(path, fileName), 'utf8'))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}
