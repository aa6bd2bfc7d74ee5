import type { Waited } from '../system/patience.ts'

/** What is taken from an inside, which is hostile until shown otherwise; docs/channel.md has the other end's. */
export interface Caps {
  /** Largest message on a stream of data. */
  readonly streamMessage: number
  /** Largest answer to a call that has one answer, and of one entry of a listing. */
  readonly message: number
  /** Header block, both ways. */
  readonly headers: number
  /** What a stream may hold that nobody has read yet; the memory of a stalled one. */
  readonly window: number
  /** Streams that we have open at once. */
  readonly streams: number
  /** How long the other end may take to answer at all. */
  readonly connectMs: number
  /** How long a call with one answer may take. */
  readonly callMs: number
  /** Without a sign of life for this long, while something waits for one, the peer is lost. */
  readonly silenceMs: number
  /** How long the other end was kept from its processor: that is added to each of these times. */
  readonly waited?: Waited
}

export const defaultCaps: Caps = {
  streamMessage: 4 * 1024 ** 2,
  message: 1024 ** 2,
  headers: 16 * 1024,
  window: 1024 ** 2,
  streams: 4096,
  connectMs: 5000,
  callMs: 10_000,
  silenceMs: 800,
}

/** For an inside that may be silent for longer than a process of this host; `undefined`: for one that is such a process. */
export function withSilence(silenceMs: number | undefined, caps: Caps = defaultCaps): Caps {
  if (silenceMs === undefined) return caps
  const atLeast = (ms: number): number => Math.max(ms, silenceMs)
  return { ...caps, connectMs: atLeast(caps.connectMs), callMs: atLeast(caps.callMs), silenceMs }
}
