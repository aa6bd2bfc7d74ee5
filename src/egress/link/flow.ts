import type { Duplex } from 'node:stream'
import { GloveboxError } from '../../errors.ts'
import type { FromRelay, ToRelay } from '../../protocol/egress-link.ts'
import type { Connect, Ended, Incoming, Judge, Judgement } from '../incoming.ts'

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
  /** What the program said before anybody asked. */
  let shown: Shown | undefined
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
      if (over) ended.resolve(gone)
      else begin(to)
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

  /** Where the program has said enough already, nobody is connected to whom it may not speak with. */
  function begin({ addresses, port, judge }: Connect): void {
    const judgement = judge === undefined ? 'pass' : shown === undefined ? 'more' : judgeShown(judge, shown)
    judged = judgement !== 'more'
    if (judgement === 'more' || judgement === 'pass') send({ id, connect: { addresses, port, look: !judged } })
    else turnAway(judgement)
  }

  function onShown(said: Shown): void {
    shown = said
    const judge = connecting?.to.judge
    // A line that crossed ours.
    if (judge === undefined || judged) return
    const judgement = judgeShown(judge, said)
    if (judgement === 'more') return
    judged = true
    if (judgement === 'pass') send({ id, pass: true })
    else turnAway(judgement)
  }

  function turnAway(judgement: 'refuse' | 'hand'): void {
    const settle = connecting?.settle ?? (() => undefined)
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
      if ('first' in line) onShown(line.first)
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

type Shown = Extract<FromRelay, { readonly first: unknown }>['first']

function judgeShown(judge: Judge, { bytes, end }: Shown): Judgement {
  return judge(Buffer.from(bytes, 'base64'), end)
}

/** Of what has ended by itself there are still bytes under way. */
function isPeaceful(reason: string): boolean {
  return reason === 'end' || reason === 'handed'
}

const gone: Ended = { how: 'closed', sent: 0, received: 0, reason: 'reset' }

function wentAway(): GloveboxError {
  return new GloveboxError('CHANNEL_LOST', 'the connection of the program has gone')
}
