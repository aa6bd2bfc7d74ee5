import { Option, type Command } from 'commander'
import { parseCount, parseDuration } from '../policy/sizes.ts'
import type { Lifetime, Placement } from '../protocol/daemon.ts'

/** Where and when sandboxes are placed; what they may do is in the policy flags. */
export interface PlacementFlags {
  readonly lifetime?: Lifetime
  readonly pool?: string
  readonly idle?: string
}

export function addPlacementFlags(command: Command): Command {
  return command
    .optionsGroup('Placement:')
    .addOption(
      new Option(
        '--lifetime <lifetime>',
        'shared (default), session: one for each launch, call: a fresh one for each call',
      ).choices(['shared', 'session', 'call']),
    )
    .option('--pool <n>', 'so many sandboxes started and initialized ahead of need')
    .option('--idle <duration>', 'stop it after so long without a request')
}

function countOf(text: string): number {
  return text.trim() === '0' ? 0 : parseCount(text, '--pool')
}

/** @throws GloveboxError POLICY_INVALID naming the flag */
export function addPlacement(placement: Placement, { lifetime, pool, idle }: PlacementFlags): Placement {
  return {
    lifetime: lifetime ?? placement.lifetime,
    pool: pool === undefined ? placement.pool : countOf(pool),
    idleMs: idle === undefined ? placement.idleMs : parseDuration(idle, '--idle'),
  }
}
