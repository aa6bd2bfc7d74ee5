import type { LaunchRequest } from '../protocol/daemon.ts'
import { sha256 } from '../system/sha256.ts'

/**
 * What a server was launched with: its command, policy and placement. The daemon and its clients make it alike, so a client can
 * tell whether what runs under a name is what it would start. Values of secrets are not in a plan.
 */
export function launchDigest({
  plan,
  placement,
  each,
  requestTimeMs,
}: Pick<LaunchRequest<unknown>, 'plan' | 'placement' | 'each' | 'requestTimeMs'>): string {
  return sha256(JSON.stringify([plan, placement, each, requestTimeMs]))
}
