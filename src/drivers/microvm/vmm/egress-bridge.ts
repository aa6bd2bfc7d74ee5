import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GloveboxError } from '../../../errors.ts'
import type { Inside } from '../../../inside/client.ts'
import { guestCalls } from '../../../protocol/inside/v1.ts'
import { connectUnix } from '../../../system/connect-unix.ts'
import { duplexOver } from './byte-call.ts'

/** Field `data` of AcceptInput. */
const dataField = 2

/** Connections that are taken at once before the next offer is made: the relay opens them as fast as programs connect. */
const standing = 8

export interface EgressBridge {
  close(): void
}

/**
 * Carries every connection that is made to a Unix socket in the guest to one of the host's, byte by byte. The relay in the
 * guest makes them, to whom the host's egress then speaks as it does to one beside it.
 */
export async function bridgeEgress(inside: Inside, path: string, socket: string): Promise<EgressBridge> {
  const open = new Set<Duplex>()
  const closed = new AbortController()

  /** One offer after another, until the guest is gone. */
  const offer = async (onMade: () => void): Promise<void> => {
    while (!closed.signal.aborted) {
      const call = inside.connection.open(guestCalls.accept)
      const answers = call.messages[Symbol.asyncIterator]()
      const first = answers.next()
      first.catch(() => undefined) // awaited below
      await call.send({ input: { case: 'path', value: Buffer.from(path) } })
      await call.answered
      onMade()
      const { done, value } = await first
      if (done === true || value.data.length > 0) throw new GloveboxError('CHANNEL_LOST', 'an offer was not answered')
      const stream = duplexOver(call, answers, dataField)
      void carry(stream)
    }
  }

  const carry = async (inner: Duplex): Promise<void> => {
    open.add(inner)
    try {
      const outer = await connectUnix(socket)
      await Promise.all([pipeline(inner, outer), pipeline(outer, inner)])
    } catch {
      inner.destroy() // its program sees a reset, and the egress that the connection is gone
    } finally {
      open.delete(inner)
    }
  }

  const made = Promise.withResolvers<void>()
  const offers = Array.from({ length: standing }, async () => offer(made.resolve))
  // The end of the guest ends them all; before the first is made it is the start that fails.
  void Promise.allSettled(offers.map(async (each) => each.catch(made.reject)))
  await made.promise
  return {
    close() {
      closed.abort()
      for (const each of open) each.destroy()
    },
  }
}
