import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import type { Caps } from './caps.ts'

export interface Liveness {
  opened(stream: ClientHttp2Stream): void
  /** Calls that are open now. */
  readonly open: number
  stop(): void
}

/** How many looks a silence takes. Counted in looks and not by the clock, so that a pause of our own is not the peer's. */
const looks = 5

/**
 * While calls are open, a peer that has said nothing since the last look is asked (PING, RFC 9113, 6.7); one that stays
 * silent over five looks is lost. Its answer, and the beginning of an answer to a call, are signs of life.
 */
export function watchLiveness(
  session: ClientHttp2Session,
  { silenceMs, waited = () => 0 }: Pick<Caps, 'silenceMs' | 'waited'>,
  onSilence: () => void,
): Liveness {
  let open = 0
  let heard = true
  let silent = 0
  let asked = false
  let keptBefore = waited()
  let timer: NodeJS.Timeout | undefined

  const hear = (): void => {
    heard = true
  }
  const look = (): void => {
    const keptMs = waited() - keptBefore
    keptBefore += keptMs
    if (heard) silent = 0
    // One that had no processor for most of that time could not have answered.
    else if (keptMs < silenceMs / looks / 2 && ++silent >= looks) return onSilence()
    heard = false
    if (asked || session.destroyed) return
    asked = true
    session.ping((error) => {
      asked = false
      if (error === null) hear()
    })
  }
  const settle = (): void => {
    if (open === 0) {
      clearInterval(timer)
      timer = undefined
      return
    }
    if (timer !== undefined) return
    heard = true
    silent = 0
    timer = setInterval(look, silenceMs / looks)
  }
  return {
    opened(stream) {
      open += 1
      stream.on('response', hear)
      stream.once('close', () => {
        open -= 1
        settle()
      })
      settle()
    },
    get open() {
      return open
    },
    stop: () => clearInterval(timer),
  }
}
