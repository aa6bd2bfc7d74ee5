import { nearest } from '../../config/schema/nearest.ts'
import { GloveboxError } from '../../errors.ts'
import { meansId } from '../../protocol/sandbox-id.ts'
import type { Places } from '../../system/places.ts'
import { listRunning } from './list.ts'
import type { RunningRecord } from './record.ts'

/**
 * The running sandbox that a name or an id means; the beginning of an id is enough where it is one alone.
 * @throws GloveboxError USAGE for none and for several
 */
export function findRunning(nameOrId: string, places: Places): RunningRecord {
  const running = listRunning(places)
  const exact = running.find(({ id }) => id === nameOrId)
  if (exact) return exact
  const named = running.filter(({ server, spare }) => server === nameOrId && spare !== true)
  const meant = named.length > 0 ? named : running.filter(({ id }) => meansId(nameOrId, id))
  const [only] = meant
  if (only !== undefined && meant.length === 1) return only
  if (meant.length > 1) {
    throw new GloveboxError('USAGE', `${meant.length} sandboxes run that "${nameOrId}" could mean`, {
      fix: `name one by its id: ${meant.map(({ id, startedMs }) => `${id} (since ${new Date(startedMs).toISOString()})`).join(', ')}`,
    })
  }
  throw new GloveboxError('USAGE', `no sandbox named "${nameOrId}" is running`, { fix: whatRuns(nameOrId, running) })
}

function whatRuns(wanted: string, running: readonly RunningRecord[]): string {
  if (running.length === 0) return 'none is running at all; glovebox run starts one'
  const names = [...new Set(running.filter(({ spare }) => spare !== true).map(({ server }) => server))]
  if (names.length === 0) return 'none is running but spares of a pool; glovebox status shows what was launched'
  const near = nearest(wanted, names)
  return near === undefined ? `running now: ${names.join(', ')} (glovebox status)` : `did you mean "${near}"?`
}
