import { Option, type Command } from 'commander'
import { GloveboxError } from '../errors.ts'
import { parseCount, parseDuration } from '../policy/sizes.ts'
import { mostPooled, type Lifetime, type Placement } from '../protocol/daemon.ts'

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
  const count = text.trim() === '0' ? 0 : parseCount(text, '--pool')
  if (count <= mostPooled) return count
  throw new GloveboxError('POLICY_INVALID', `--pool: ${count} sandboxes, where at most ${mostPooled} can be`, {
    fix: 'each takes memory as long as nobody needs it: as many as are asked for at once are enough',
  })
}

/** @throws GloveboxError POLICY_INVALID naming the flag */
export function addPlacement(placement: Placement, { lifetime, pool, idle }: PlacementFlags): Placement {
  return {
    lifetime: lifetime ?? placement.lifetime,
    pool: pool === undefined ? placement.pool : countOf(pool),
    idleMs: idle === undefined ? placement.idleMs : parseDuration(idle, '--idle'),
  }
}
