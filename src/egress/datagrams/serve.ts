import type { DialOptions } from '../connect/dial.ts'
import type { Incoming } from '../incoming.ts'
import { handWithin } from '../link/dialed-here.ts'
import type { Asker } from '../record/attribution.ts'
import type { Book, Refusal } from '../record/book.ts'
import type { Router } from '../route.ts'
import type { Target } from '../rules.ts'
import { carryDatagrams, type Carried } from './carry.ts'
import { createPace } from './pace.ts'

export interface DatagramOptions {
  readonly book: Book
  readonly route: Router
  /** A synthetic address is its name, and undefined where it is nobody's. */
  readonly meant: (target: Target) => Target | undefined
  /** As many conversations at once. */
  readonly most: number
  readonly dial: DialOptions
  readonly tooMany: Refusal
  readonly unknownAddress: Refusal
}

/**
 * RFC 4787, REQ-5: whoever keeps what belongs together for programs that do not say when they are done keeps it for two
 * minutes at least, and five are better. A limit of the user's own that is shorter holds.
 */
const longestIdleMs = 5 * 60_000

/** Sent, by all programs of a sandbox together: more than a person's programs send, and no flood. */
const perSecond = 10_000

/** Decides about the datagrams from one socket of a program's to one place, and carries them. */
export function createDatagrams({
  book,
  route,
  meant,
  most,
  dial,
  tooMany,
  unknownAddress,
}: DatagramOptions): (incoming: Incoming, asker: Asker | null) => Promise<void> {
  const pace = createPace(perSecond)
  const idleMs = Math.min(dial.idleMs, longestIdleMs)
  let open = 0

  return async (incoming, asker) => {
    const { address, port } = incoming
    const asked: Target = { address, port, udp: true }
    const refuse = (target: Target, why: Refusal): void => {
      book.refuse(asker, { ...target, at: address }, why)
      incoming.refuse(why)
    }
    const target = meant(asked)
    if (target === undefined) return refuse(asked, unknownAddress)
    const found = await route(target, { clear: false })
    if (found.kind === 'proxy') return refuse(target, throughProxy)
    if (found.kind !== 'direct') return refuse(target, found)
    if (open >= most) return refuse(target, tooMany)
    open += 1
    try {
      const { rule, addresses } = found
      const trip = book.open(asker, target, { rule, addresses })
      const onConnected = (to: string): void => trip.connected(to)
      const ended = await handWithin(incoming, dial.connectMs).then(
        async (stream) => carryDatagrams(stream, { addresses, port, idleMs, pace, onConnected }),
        () => nothing,
      )
      if (ended.how === 'failed') trip.fail(ended.reason)
      else trip.close(endOf(ended))
      incoming.refuse()
    } finally {
      open -= 1
    }
  }
}

/** Without its `how`, which is no word of the record. */
function endOf({ sent, received, datagrams, reason }: Extract<Carried, { readonly how: 'closed' }> | typeof nothing) {
  return { sent, received, datagrams, reason }
}

const nothing = {
  how: 'closed',
  sent: 0,
  received: 0,
  datagrams: { sent: 0, received: 0, dropped: 0 },
  reason: 'reset',
} as const

const throughProxy: Refusal = {
  kind: 'refused',
  rule: 'network.proxy',
  reason: 'this host goes out through a proxy, which takes no datagrams',
}
