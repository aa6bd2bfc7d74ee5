import { GloveboxError, messageOf } from '../../errors.ts'
import { openInside, type Inside } from '../../inside/client.ts'
import { connectUnix } from '../../system/connect-unix.ts'
import type { RunningRecord } from './record.ts'

/**
 * Speaks with the inside of a running sandbox.
 * @throws GloveboxError CHANNEL_LOST, HOST_CANNOT where it has no channel or speaks another version
 */
export async function connectTo(sandbox: RunningRecord): Promise<Inside> {
  if (sandbox.socket === null) {
    throw new GloveboxError('HOST_CANNOT', `the sandbox ${sandbox.id} was started where no socket could be`, {
      fix: 'start it with a shorter XDG_RUNTIME_DIR or GLOVEBOX_HOME',
    })
  }
  try {
    return await openInside(await connectUnix(sandbox.socket))
  } catch (error) {
    if (error instanceof GloveboxError) throw error
    throw new GloveboxError('CHANNEL_LOST', `the sandbox ${sandbox.id} does not answer: ${messageOf(error)}`, {
      cause: error,
      fix: 'see whether it still runs: glovebox status',
    })
  }
}
