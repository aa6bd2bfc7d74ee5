import { existsSync } from 'node:fs'
import type { EndedServer, ServerStatus } from '../protocol/daemon.ts'
import { listRunning } from '../runtime/running/list.ts'
import type { RunningRecord } from '../runtime/running/record.ts'
import type { Places } from '../system/places.ts'
import { childrenMemory } from '../system/tree-memory.ts'
import { findDaemon } from './contact.ts'
import { daemonPlaces } from './places.ts'
import { openState } from './state.ts'

export interface Overview {
  readonly running: readonly (RunningRecord & { readonly memoryBytes: number | null })[]
  readonly servers: readonly ServerStatus[]
  readonly ended: readonly EndedServer[]
}

/** All sandboxes of this user, whoever owns them. Starts no daemon. */
export async function overview(places: Places): Promise<Overview> {
  const found = await findDaemon(places)
  const { servers, ended } = (await found?.client.list()) ?? { servers: [], ended: endedWithout(places) }
  const running = listRunning(places).map((record) => ({
    ...record,
    memoryBytes: memoryOf(record, found?.client.pid, servers),
  }))
  return { running, servers, ended }
}

/** Nobody is there who would write it down: what was running when the daemon was last seen has ended with it. */
function endedWithout(places: Places): EndedServer[] {
  const { state: path } = daemonPlaces(places)
  if (!existsSync(path)) return []
  const state = openState(path)
  try {
    return state.recent({ isOver: true })
  } finally {
    state.close()
  }
}

/** Of those that it owns the daemon tells; any other sandbox is all that its owner has started. */
function memoryOf(record: RunningRecord, daemon: number | undefined, servers: readonly ServerStatus[]): number | null {
  if (record.pid === daemon) return servers.find(({ id }) => id === record.id)?.memoryBytes ?? null
  return childrenMemory(record.pid) ?? null
}
