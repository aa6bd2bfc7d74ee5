import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Inside } from '../../../inside/client.ts'
import { GloveboxError } from '../../../errors.ts'
import type { GuestOutput } from '../../../protocol/inside/v1.ts'
import { resumeInGuest, saidInTime, type GuestLauncher } from './guest-launcher.ts'

type Output = NonNullable<GuestOutput['output']>

/** A guest that says this, whatever it is told, when it has been told as many things. */
function launcherThatHears(count: number, ...says: Output[]): GuestLauncher {
  const told = Promise.withResolvers<void>()
  if (count === 0) told.resolve()
  async function* messages(): AsyncGenerator<{ output: Output }> {
    await told.promise
    for (const output of says) yield { output }
  }
  const call = {
    send: async () => {
      count -= 1
      if (count === 0) told.resolve()
    },
    end: () => undefined,
    cancel: () => undefined,
    answered: Promise.resolve(),
    messages: messages(),
  }
  return resumeInGuest({ connection: { open: () => call } } as unknown as Inside, 'server')
}

const kept: Output = { case: 'kept', value: {} }
const ended: Output = { case: 'ended', value: { how: { case: 'code', value: 0 } } }

test('a sandbox that was to be kept is, when its guest says so', async () => {
  const launcher = launcherThatHears(1, kept)
  await launcher.keep()
  assert.equal(await launcher.lost, undefined)
})

test('a guest that keeps a sandbox unasked has broken with us', async () => {
  const launcher = launcherThatHears(0, kept)
  assert.match((await launcher.lost)?.message ?? '', /nobody asked/)
  assert.deepEqual(await launcher.ended, { code: null, signal: 'SIGKILL' })
})

test('one that ends instead of standing still is not kept', async () => {
  const launcher = launcherThatHears(1, ended)
  await assert.rejects(
    launcher.keep(),
    (error) => error instanceof GloveboxError && /ended instead/.test(error.message),
  )
})

test('nothing is said about a sandbox that has been kept', async () => {
  const launcher = launcherThatHears(1, kept, ended)
  await assert.rejects(launcher.keep(), /says more about a sandbox that has ended/)
})

const never = new Promise<never>(() => undefined)

test('a guest that lives, and never says what it was asked for, is given up', async () => {
  let killed = 0
  const launcher = { kill: (): void => void (killed += 1) }
  const patience = { ms: 20, waited: () => 0, why: 'it does not start its sandbox' }
  await assert.rejects(saidInTime(never, launcher, patience), {
    code: 'CHANNEL_LOST',
    message: /does not start its sandbox within 0\.02 s/,
  })
  const refused = Promise.reject(new Error('no sandbox has been kept here'))
  await assert.rejects(saidInTime(refused, launcher, patience), /no sandbox has been kept/)
  assert.equal(killed, 2)
  assert.equal(await saidInTime(Promise.resolve('started'), launcher, patience), 'started')
  assert.equal(killed, 2)
})
