import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Inside } from '../../../inside/client.ts'
import type { JailPlan } from '../../../protocol/jail-plan.ts'
import { bringUp } from './server-up.ts'

const never = new Promise<never>(() => undefined)

/** A guest that was taken over: it says more than anybody keeps before it has started anything, and then nothing. */
function floodingGuest(): { inside: Inside; lose: () => void } {
  const over = Promise.withResolvers<never>()
  over.promise.catch(() => undefined)
  const lose = (): void => over.reject(new Error('the connection is lost'))
  async function* messages() {
    for (let count = 0; count < 9; count++) yield { output: { case: 'stdout', value: Buffer.alloc(256 * 1024) } }
    await over.promise
  }
  const call = {
    send: async () => undefined,
    end: () => undefined,
    cancel: lose,
    answered: never,
    messages: messages(),
  }
  return { inside: { connection: { open: () => call } } as unknown as Inside, lose }
}

const plan = { id: 'server' } as unknown as JailPlan
const before = async (): Promise<void> => undefined
const waited = (): number => 0

test('a machine that ends is not waited for behind output that nobody reads yet', { timeout: 10_000 }, async () => {
  const { inside, lose } = floodingGuest()
  const ended = Promise.withResolvers<void>()
  const up = bringUp(inside, plan, { before, waited, ended: ended.promise })
  lose()
  ended.resolve()
  await assert.rejects(up, /killed before the program ran/)
})

test('a guest that never says that its server runs is given up', { timeout: 10_000 }, async () => {
  const { inside } = floodingGuest()
  const up = bringUp(inside, plan, { before, waited, ended: never, ms: 20 })
  await assert.rejects(up, { code: 'HOST_CANNOT', message: /it did not start within 0.02 s/ })
})
