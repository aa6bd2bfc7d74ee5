import { GloveboxError } from '../errors.ts'

/** The guard's caps. `docs/guard.md` tells users what each means; keep the two together. */
export interface GuardLimits {
  /** Longest message without its newline, bytes (`limits.message`). */
  readonly messageBytes: number
  /** Deepest nesting of objects and arrays. */
  readonly depth: number
  /** Most members or elements of an object or array that the guard decides on. */
  readonly members: number
  /** Most messages in a batch. */
  readonly batch: number
  /** Most requests without an answer, for each direction. */
  readonly outstanding: number
  /** Longest string id or progress token, UTF-16 units. */
  readonly idLength: number
  /** Longest method or tool name, UTF-16 units. */
  readonly nameLength: number
  /** Sustained rate for each direction; beyond it the sender is read more slowly, nothing is lost. */
  readonly messagesPerSecond: number
  /** Refusals and log lines that are recorded one by one; beyond it they are counted. */
  readonly factsPerSecond: number
  /** Longest log line that is recorded, bytes; the rest is cut. */
  readonly logLineBytes: number
}

export const defaultLimits: GuardLimits = {
  messageBytes: 8 * 1024 * 1024,
  depth: 128,
  members: 10_000,
  batch: 100,
  outstanding: 4096,
  idLength: 256,
  nameLength: 256,
  messagesPerSecond: 100_000,
  factsPerSecond: 200,
  logLineBytes: 4096,
}

/** Fills in what is absent; a cap that is no positive integer would switch itself off, so it is an error. */
export function resolveLimits(given: Partial<GuardLimits> = {}): GuardLimits {
  const limits = { ...defaultLimits, ...given }
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new GloveboxError('POLICY_INVALID', `The guard's limit ${name} must be a whole number of at least 1.`, {
        fix: `Give ${name} a positive whole number, or leave it out for the default.`,
      })
    }
  }
  return limits
}
