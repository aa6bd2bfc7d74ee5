import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { test } from 'node:test'
import { watchLiveness } from './liveness.ts'

/** Milliseconds until a peer that says nothing is lost; `keptShare`: how much of the time it had no processor. */
async function lostAfter(silenceMs: number, keptShare: number): Promise<number> {
  const from = performance.now()
  const session = { destroyed: false, ping: () => true } as unknown as ClientHttp2Session
  const waited = (): number => (performance.now() - from) * keptShare
  return new Promise((resolve) => {
    const liveness = watchLiveness(session, { silenceMs, waited }, () => {
      liveness.stop()
      resolve(performance.now() - from)
    })
    liveness.opened(new EventEmitter() as unknown as ClientHttp2Stream)
  })
}

test('a peer that is silent and could have spoken is lost; one that had no processor has ten times as long, and no more', async () => {
  const [silent, kept] = await Promise.all([lostAfter(50, 0), lostAfter(50, 1)])
  assert.ok(silent < kept, `${silent} and ${kept} ms`)
  assert.ok(kept >= 450, `${kept} ms`)
})
