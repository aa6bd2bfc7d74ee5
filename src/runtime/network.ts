import { dirname, join } from 'node:path'
import type { EgressOptions } from '../drivers/driver.ts'
import { startEgress, type Egress } from '../egress/start.ts'
import { GloveboxError } from '../errors.ts'
import type { Network } from '../policy/network.ts'
import { decide, decideName, toEgress, whyNotConnect } from '../policy/network/decide.ts'
import type { Recorder } from '../protocol/facts.ts'

/** What a sandbox with a network has outside: listening before it is started, and closed when it has ended. */
export interface SandboxNetwork extends Egress {
  readonly options: EgressOptions
}

/** Loaded only for a plan with a network: a start without one pays nothing for it. */
export async function openNetwork(options: {
  readonly network: Network
  /** The socket of the sandbox's channel, beside which there is room for another. */
  readonly channel: string | undefined
  readonly record: Recorder
  /** Something could not be recorded: the sandbox has to end. */
  readonly onFailure: (error: unknown) => void
}): Promise<SandboxNetwork> {
  const { network, channel, record, onFailure } = options
  if (channel === undefined) {
    throw new GloveboxError('NOT_STARTED', 'there is no place for the socket of this sandbox’s network', {
      fix: 'set XDG_RUNTIME_DIR to a directory of a short path that this user may write to',
    })
  }
  const socket = join(dirname(channel), 'egress')
  const egress = await startEgress({
    network,
    rules: {
      decide: (target) => decide(network, target),
      resolves: (name) => decideName(network, name),
      mayConnect: (address, port) => whyNotConnect(network, address, port),
    },
    socket,
    record,
    onFailure,
    env: process.env,
  })
  return { ...egress, options: { socket, ...toEgress(network) } }
}
