import { frameOf, headerBytes, isWhole, magic, maxPayload, parseHeader, type FrameHeader } from './frame.ts'

/** What bytes from the inside came to. */
export type HostEvent =
  | { readonly event: 'welcome'; readonly generation: bigint; readonly instance: Buffer }
  | { readonly event: 'data'; readonly bytes: Buffer }
  /** The other end is done, or something between us was lost. Nothing comes after it. */
  | { readonly event: 'end'; readonly lost: boolean }

/** The host's end of one session: no clock and no stream of its own. */
export interface HostSession {
  /** What is written first: it completes whatever an earlier host left half written, and asks. */
  opening(): Buffer
  /** Asks again. */
  hello(): Buffer
  /** Only before `welcome` nothing may be sent. */
  data(bytes: Buffer): Buffer[]
  bye(): Buffer
  take(chunk: Buffer): HostEvent[]
}

/**
 * What may come between the frames of a session once it is open: an honest inside sends a welcome again for each repeated hello, and
 * nothing else. It bounds what looking for a frame costs too: each header that lies about its payload has 64 KiB summed up.
 */
export const maxStray: number = 1024 ** 2

/** @param session 16 random bytes, never used before */
export function hostSession(session: Buffer): HostSession {
  let held: Buffer = Buffer.alloc(0)
  let state: 'waiting' | 'open' | 'ended' = 'waiting'
  let sent = 0n
  let expected = 0n
  let stray = 0

  /** What to do with a valid header whose payload may not be whole yet. */
  const verdict = (header: FrameHeader): 'look on' | 'drop' | 'take' | 'lost' => {
    const ours = header.session.equals(session)
    // Before the welcome no other header is believed: its length could swallow what comes.
    if (state === 'waiting') return ours && header.type === 'welcome' ? 'take' : 'look on'
    if (!ours || header.type === 'hello' || header.type === 'welcome') return 'drop'
    if (header.sequence > expected) return 'lost'
    return header.sequence < expected ? 'drop' : 'take'
  }

  const deliver = ({ type }: FrameHeader, payload: Buffer): HostEvent => {
    if (type === 'welcome') {
      state = 'open'
      return { event: 'welcome', generation: payload.readBigUInt64BE(0), instance: payload.subarray(8) }
    }
    expected += 1n
    if (type === 'data') return { event: 'data', bytes: payload }
    state = 'ended'
    return { event: 'end', lost: false }
  }

  return {
    opening: () => Buffer.concat([Buffer.alloc(headerBytes + maxPayload), frameOf('hello', session, 0n)]),
    hello: () => frameOf('hello', session, 0n),
    data(bytes) {
      const frames: Buffer[] = []
      for (let at = 0; at < bytes.length; at += maxPayload) {
        frames.push(frameOf('data', session, sent, bytes.subarray(at, at + maxPayload)))
        sent += 1n
      }
      return frames
    },
    bye() {
      sent += 1n
      return frameOf('bye', session, sent - 1n)
    },
    take(chunk) {
      const events: HostEvent[] = []
      if (state === 'ended') return events
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      let at = 0
      const skipTo = (next: number): void => {
        if (state === 'open') stray += next - at
        at = next
      }
      for (;;) {
        skipTo(nextMagic(held, at))
        if (held.length - at < headerBytes) break
        const header = parseHeader(held.subarray(at, at + headerBytes))
        const what = header === undefined ? 'look on' : verdict(header)
        if (what === 'lost' || stray > maxStray) {
          state = 'ended'
          events.push({ event: 'end', lost: true })
        } else if (header !== undefined && what !== 'look on') {
          if (held.length - at < headerBytes + header.length) break
          const payload = held.subarray(at + headerBytes, at + headerBytes + header.length)
          const next = at + headerBytes + header.length
          if (!isWhole(header, payload)) skipTo(at + 1)
          else if (what === 'drop') skipTo(next)
          else {
            events.push(deliver(header, Buffer.from(payload)))
            at = next
          }
        } else skipTo(at + 1)
        if (isOver()) break
      }
      held = isOver() ? Buffer.alloc(0) : Buffer.from(held.subarray(at))
      return events
    },
  }

  function isOver(): boolean {
    return state === 'ended'
  }
}

/** Where the next header could begin: at the magic, or at its beginning at the very end. */
function nextMagic(bytes: Buffer, from: number): number {
  const found = bytes.indexOf(magic, from)
  if (found >= 0) return found
  for (let at = Math.max(from, bytes.length - magic.length + 1); at < bytes.length; at++) {
    if (magic.subarray(0, bytes.length - at).equals(bytes.subarray(at))) return at
  }
  return bytes.length
}
