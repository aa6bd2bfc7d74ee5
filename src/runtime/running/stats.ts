import { messageOf } from '../../errors.ts'
import type { StatsReply } from '../../protocol/inside/v1.ts'
import { places } from '../../system/places.ts'
import { connectTo } from './connect.ts'
import { listRunning } from './list.ts'
import type { RunningRecord } from './record.ts'
import { requireRunning } from './require.ts'

/** One sandbox and what it uses; or why that is not known. */
export interface StatsRow {
  readonly sandbox: RunningRecord
  readonly stats: StatsReply | undefined
  readonly error: string | undefined
}

/** @throws GloveboxError USAGE for a name that means no sandbox, or several */
export async function sandboxesOf(names: readonly string[]): Promise<RunningRecord[]> {
  if (names.length === 0) return listRunning(places(process.env)).filter(({ spare }) => spare !== true)
  return Promise.all(names.map(async (name) => requireRunning(name, process.env)))
}

/** Of each of them, asked at the same time. One that does not answer keeps nothing from the others. */
export async function readStats(names: readonly string[]): Promise<StatsRow[]> {
  return Promise.all((await sandboxesOf(names)).map(readOne))
}

export async function readOne(sandbox: RunningRecord): Promise<StatsRow> {
  try {
    const inside = await connectTo(sandbox)
    try {
      return { sandbox, stats: await inside.stats(), error: undefined }
    } finally {
      inside.close()
    }
  } catch (error) {
    return { sandbox, stats: undefined, error: messageOf(error) }
  }
}
