import { GloveboxError } from '../errors.ts'
import type { StopReply } from '../protocol/daemon.ts'
import { meansId } from '../protocol/sandbox-id.ts'
import { listRunning } from '../runtime/running/list.ts'
import type { Places } from '../system/places.ts'
import type { DaemonClient } from './client.ts'
import { findOwnDaemon } from './contact.ts'

/** Ends launched servers. @throws GloveboxError USAGE for a name that means none */
export async function stopServers(names: readonly string[] | 'all', places: Places): Promise<StopReply['stopped']> {
  if (names.length === 0) {
    throw new GloveboxError('USAGE', 'stop which server?', { fix: 'name one (glovebox status), or --all' })
  }
  const daemon = await findOwnDaemon(places)
  if (names === 'all') return daemon === undefined ? [] : (await daemon.stopAll()).stopped
  await requireLaunched(names, daemon, places)
  const stopped: StopReply['stopped'][number][] = []
  for (const name of names) stopped.push(...((await daemon?.stop(name))?.stopped ?? []))
  return stopped
}

/** All names first: a mistyped one among several ends none of them. */
async function requireLaunched(
  names: readonly string[],
  daemon: DaemonClient | undefined,
  places: Places,
): Promise<void> {
  const launched = daemon === undefined ? [] : (await daemon.list()).servers
  const wrong = names.find((name) => !launched.some((server) => server.name === name || meansId(name, server.id)))
  if (wrong === undefined) return
  const owner = ownerOf(wrong, places)
  if (owner !== undefined) {
    throw new GloveboxError('USAGE', `"${wrong}" was not launched: it belongs to the process ${owner}`, {
      fix: `end its client, or that process: kill ${owner}`,
    })
  }
  throw new GloveboxError(
    'USAGE',
    `no server "${wrong}" is launched${names.length > 1 ? ', and none was ended' : ''}`,
    {
      fix:
        launched.length === 0
          ? 'glovebox status shows what runs'
          : `launched are: ${launched.map(({ name }) => name).join(', ')}`,
    },
  )
}

function ownerOf(name: string, places: Places): number | undefined {
  return listRunning(places).find(({ server, id }) => server === name || id === name)?.pid
}
