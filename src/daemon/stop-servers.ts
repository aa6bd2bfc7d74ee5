import { GloveboxError } from '../errors.ts'
import { wrongLaunchName, type StopReply } from '../protocol/daemon.ts'
import { listRunning } from '../runtime/running/list.ts'
import type { Places } from '../system/places.ts'
import { findOwnDaemon } from './contact.ts'

/** Ends launched servers. @throws GloveboxError USAGE for a name that means none */
export async function stopServers(names: readonly string[] | 'all', places: Places): Promise<StopReply['stopped']> {
  if (names.length === 0) {
    throw new GloveboxError('USAGE', 'stop which server?', { fix: 'name one (glovebox status), or --all' })
  }
  const daemon = await findOwnDaemon(places)
  if (names === 'all') return daemon === undefined ? [] : (await daemon.stopAll()).stopped
  const stopped: StopReply['stopped'][number][] = []
  for (const name of names) {
    if (daemon === undefined || wrongLaunchName(name) !== undefined) throw notLaunched(name, places)
    stopped.push(
      ...(
        await daemon.stop(name).catch((error: unknown) => {
          throw error instanceof GloveboxError && error.code === 'USAGE' ? better(error, name, places) : error
        })
      ).stopped,
    )
  }
  return stopped
}

/** What `run` and `exec` started is somebody else's to end. */
function better(error: GloveboxError, name: string, places: Places): GloveboxError {
  return ownerOf(name, places) === undefined ? error : notLaunched(name, places)
}

function notLaunched(name: string, places: Places): GloveboxError {
  const owner = ownerOf(name, places)
  if (owner === undefined) {
    return new GloveboxError('USAGE', `no server "${name}" is launched`, { fix: 'glovebox status shows what runs' })
  }
  return new GloveboxError('USAGE', `"${name}" was not launched: it belongs to the process ${owner}`, {
    fix: `end its client, or that process: kill ${owner}`,
  })
}

function ownerOf(name: string, places: Places): number | undefined {
  return listRunning(places).find(({ server, id }) => server === name || id === name)?.pid
}
