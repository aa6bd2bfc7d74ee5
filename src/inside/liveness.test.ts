import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { test } from 'node:test'
import { defaultCaps } from './caps.ts'
import { watchLiveness } from './liveness.ts'

/** A session whose peer never answers. */
const deaf = { destroyed: false, ping: () => true } as unknown as ClientHttp2Session

const aCall = (): ClientHttp2Stream => new EventEmitter() as unknown as ClientHttp2Stream

/** Milliseconds until a peer that says nothing is lost; `keptShare`: how much of the time it had no processor. */
async function lostAfter(silenceMs: number, keptShare: number): Promise<number> {
  const from = performance.now()
  const waited = (): number => (performance.now() - from) * keptShare
  return new Promise((resolve) => {
    const liveness = watchLiveness(deaf, { silenceMs, waited }, () => {
      liveness.stop()
      resolve(performance.now() - from)
    })
    liveness.opened(aCall())
  })
}

test('a peer that is silent and could have spoken is lost; one that had no processor has ten times as long, and no more', async () => {
  const [silent, kept] = await Promise.all([lostAfter(50, 0), lostAfter(50, 1)])
  assert.ok(silent < kept, `${silent} and ${kept} ms`)
  assert.ok(kept >= 450, `${kept} ms`)
})

test('as long as it is by default, a silence is borne for 0.8 s, and its peer is lost within a second', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let losses = 0
  const liveness = watchLiveness(deaf, defaultCaps, () => {
    losses += 1
    liveness.stop()
  })
  liveness.opened(aCall())
  t.mock.timers.tick(800)
  assert.equal(losses, 0)
  t.mock.timers.tick(199)
  assert.equal(losses, 1)
})
