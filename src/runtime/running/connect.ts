import { GloveboxError, messageOf } from '../../errors.ts'
import { withSilence } from '../../inside/caps.ts'
import { openInside, type Inside } from '../../inside/client.ts'
import { connectUnix } from '../../system/connect-unix.ts'
import { readAhead } from '../../system/read-ahead.ts'
import type { RunningRecord } from './record.ts'

/** More than the inside's window for a connection is (docs/channel.md, "What is capped"). */
const maxWaiting = 48 * 1024 ** 2

/**
 * Speaks with the inside of a running sandbox. What carries much in both directions at once says so: it takes another way to
 * the socket, which cannot lock up, and is a third slower.
 * @throws GloveboxError CHANNEL_LOST, HOST_CANNOT where it has no channel or speaks another version
 */
export async function connectTo(sandbox: RunningRecord, bulk: 'one way' | 'both ways' = 'one way'): Promise<Inside> {
  if (sandbox.socket === null) {
    throw new GloveboxError('HOST_CANNOT', `the sandbox ${sandbox.id} was started where no socket could be`, {
      fix: 'start it with a shorter XDG_RUNTIME_DIR or GLOVEBOX_HOME',
    })
  }
  try {
    const socket = await connectUnix(sandbox.socket)
    return await openInside(bulk === 'one way' ? socket : readAhead(socket, maxWaiting), withSilence(sandbox.silenceMs))
  } catch (error) {
    if (error instanceof GloveboxError) throw error
    throw new GloveboxError('CHANNEL_LOST', `the sandbox ${sandbox.id} does not answer: ${messageOf(error)}`, {
      cause: error,
      fix: 'see whether it still runs: glovebox status',
    })
  }
}
