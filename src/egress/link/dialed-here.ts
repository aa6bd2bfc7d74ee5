import type { Duplex } from 'node:stream'
import { GloveboxError } from '../../errors.ts'
import { dial, type DialOptions } from '../connect/dial.ts'
import { createStreamIncoming } from '../connect/stream-incoming.ts'
import type { Ended, Incoming } from '../incoming.ts'

/** Times as long as a connection may take: the relay opens the streams of a thousand one after another, in a guest that may be emulated. */
const handPatience = 6

/**
 * A connection whose relay has no network, as in a guest: every one is handed over, and connected from here. Refusals are
 * resets, as where the relay connects.
 */
export function dialedHere(relayed: Incoming, options: DialOptions): Incoming {
  const { address, port } = relayed
  let taken: Duplex | undefined
  const hand = async (): Promise<Duplex> => (taken = await handWithin(relayed, options.connectMs * handPatience))
  return {
    address,
    port,
    dials: true,
    closed: relayed.closed,
    async connect(to) {
      const dialing = to.dial?.() ?? dial(to.addresses, to.port, options)
      const [dialed, handed] = await Promise.allSettled([dialing, hand()])
      if (handed.status === 'rejected') {
        if (dialed.status === 'fulfilled') dialed.value.destroy()
        return gone
      }
      const here = createStreamIncoming(handed.value, { address, port, dial: options, reply: undefined })
      return here.connect({ ...to, dial: async () => dialing })
    },
    hand,
    refuse() {
      relayed.refuse()
      taken?.destroy()
    },
  }
}

/** A relay in a guest may promise a stream and never open it. */
export async function handWithin(relayed: Incoming, ms: number): Promise<Duplex> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    relayed.refuse()
    late.reject(new GloveboxError('CHANNEL_LOST', 'the bytes of the connection did not come'))
  }, ms)
  try {
    return await Promise.race([relayed.hand(), late.promise])
  } finally {
    clearTimeout(timer)
  }
}

const gone: Ended = { how: 'closed', sent: 0, received: 0, reason: 'reset' }
