import type { Duplex } from 'node:stream'
import { GloveboxError } from '../../errors.ts'
import type { FromRelay, ToRelay } from '../../protocol/egress-link.ts'
import type { Connect, Ended, Incoming } from '../incoming.ts'

/** A connection that the relay holds, told apart by its number. */
export interface RelayedFlow {
  readonly incoming: Incoming
  /** A line of the relay's about it. Returns whether it was its last one. */
  take(line: FromRelay): boolean
  /** The relay has opened the stream that `hand` asked for. Undefined: nobody asked. Else whether nothing more will be said. */
  carry(stream: Duplex): 'last' | 'goes on' | undefined
  /** The relay has gone. */
  lost(): void
  /** Settles when neither the relay nor we have anything of it. */
  readonly over: Promise<void>
}

export function createRelayedFlow(
  id: number,
  { address, port }: { readonly address: string; readonly port: number },
  send: (line: ToRelay) => void,
): RelayedFlow {
  const closed = Promise.withResolvers<void>()
  const last = Promise.withResolvers<void>()
  let connecting: { readonly to: Connect; readonly settle: (ended: Ended) => void } | undefined
  let handing: PromiseWithResolvers<Duplex> | undefined
  let judged = false
  let refused = false
  let over = false
  let carried: Duplex | undefined
  let closedFirst = false

  const incoming: Incoming = {
    address,
    port,
    dials: false,
    closed: closed.promise,
    connect(to) {
      const ended = Promise.withResolvers<Ended>()
      connecting = { to, settle: ended.resolve }
      judged = to.judge === undefined
      if (over) ended.resolve(gone)
      else send({ id, connect: { addresses: to.addresses, port: to.port, look: !judged } })
      return ended.promise
    },
    async hand() {
      handing = Promise.withResolvers<Duplex>()
      if (over || refused) handing.reject(wentAway())
      else send({ id, hand: true })
      return handing.promise
    },
    refuse() {
      if (over || refused) return
      refused = true
      send({ id, refuse: true })
    },
  }

  function judge(first: Buffer, end: boolean): void {
    const { to, settle } = connecting ?? {}
    // A line that crossed ours.
    if (to?.judge === undefined || settle === undefined || judged) return
    const judgement = to.judge(first, end)
    if (judgement === 'more') return
    judged = true
    if (judgement === 'pass') return send({ id, pass: true })
    if (judgement === 'refuse') {
      incoming.refuse()
      return settle({ how: 'refused' })
    }
    connecting = undefined
    incoming.hand().then(
      (stream) => settle({ how: 'handed', stream }),
      () => settle(gone),
    )
  }

  function end(ended: Ended): void {
    over = true
    connecting?.settle(ended)
    handing?.reject(wentAway())
    closed.resolve()
    if (carried === undefined || carried.closed) last.resolve()
  }

  return {
    incoming,
    take(line) {
      if ('first' in line) judge(Buffer.from(line.first.bytes, 'base64'), line.first.end)
      else if ('connected' in line) connecting?.to.onConnected(line.connected.address)
      else if ('failed' in line) connecting?.settle({ how: 'failed', errno: line.failed.errno })
      else if ('closed' in line) {
        // The end of it came by the link before its stream was accepted: what the program sent is in there.
        closedFirst = line.closed.reason === 'handed' && handing !== undefined && carried === undefined
        if (closedFirst) return false
        end({ how: 'closed', ...line.closed })
        if (!isPeaceful(line.closed.reason)) carried?.destroy()
        return true
      }
      return false
    },
    carry(stream) {
      if (handing === undefined || carried !== undefined || refused) return undefined
      carried = stream
      stream.once('close', () => over && last.resolve())
      handing.resolve(stream)
      if (!closedFirst) return 'goes on'
      end(gone)
      return 'last'
    },
    lost: () => end(gone),
    over: last.promise,
  }
}

/** Of what has ended by itself there are still bytes under way. */
function isPeaceful(reason: string): boolean {
  return reason === 'end' || reason === 'handed'
}

const gone: Ended = { how: 'closed', sent: 0, received: 0, reason: 'reset' }

function wentAway(): GloveboxError {
  return new GloveboxError('CHANNEL_LOST', 'the connection of the program has gone')
}
