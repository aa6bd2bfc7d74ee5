import { parseDuration, parseSize } from '../policy/sizes.ts'

/** When a file of a record is full: its size, or the age of its first event, whatever comes first. */
export interface Rotation {
  readonly bytes: number
  readonly ageMs: number
}

/**
 * `GLOVEBOX_AUDIT_SIZE` and `GLOVEBOX_AUDIT_AGE`; 64 MiB and 7 days without them.
 * @throws GloveboxError POLICY_INVALID naming the variable
 */
export function rotationFrom(env: NodeJS.ProcessEnv): Rotation {
  const { GLOVEBOX_AUDIT_SIZE: size, GLOVEBOX_AUDIT_AGE: age } = env
  return {
    bytes: size === undefined ? 64 * 1024 ** 2 : parseSize(size, 'GLOVEBOX_AUDIT_SIZE'),
    ageMs: age === undefined ? 7 * 24 * 3_600_000 : parseDuration(age, 'GLOVEBOX_AUDIT_AGE'),
  }
}
