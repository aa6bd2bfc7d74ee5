import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GloveboxError } from '../../errors.ts'
import { chooseAccelerator, type KvmTrial, type Tried } from './accelerator.ts'

const works: Tried = { ok: true, answeredMs: 700 }
const fails: Tried = { ok: false, reason: 'a guest did not answer', fix: 'try again' }
const there = (): undefined => undefined

/** A host of which that is known, and on which a trial ends so; `runs` counts trials. */
function host(known: Tried | undefined, outcome: Tried): KvmTrial & { readonly runs: () => number } {
  let runs = 0
  return {
    known: () => known,
    run: async () => {
      runs++
      return outcome
    },
    runs: () => runs,
  }
}

test('KVM is used where a guest was booted on it, and else machines are emulated, with the reason', async () => {
  assert.deepEqual(await chooseAccelerator('auto', host(undefined, works), there), { accelerator: 'kvm' })
  assert.deepEqual(await chooseAccelerator('auto', host(undefined, fails), there), {
    accelerator: 'tcg',
    instead: { reason: fails.ok ? '' : fails.reason, fix: 'try again' },
  })
})

test('what is known of a host is not tried again', async () => {
  for (const known of [works, fails]) {
    const trial = host(known, works)
    const { accelerator } = await chooseAccelerator('auto', trial, there)
    assert.equal(accelerator, known.ok ? 'kvm' : 'tcg')
    assert.equal(trial.runs(), 0)
  }
})

test('KVM that is asked for by name is tried again where it has failed, and never replaced', async () => {
  const better = host(fails, works)
  assert.deepEqual(await chooseAccelerator('kvm', better, there), { accelerator: 'kvm' })
  assert.equal(better.runs(), 1)
  const refused = chooseAccelerator('kvm', host(fails, fails), there)
  await assert.rejects(refused, (error) => {
    return (
      error instanceof GloveboxError &&
      error.code === 'HOST_CANNOT' &&
      /by name.*did not answer/.test(error.message) &&
      /^try again; or leave .* out/.test(error.fix ?? '')
    )
  })
})

test('emulation that is asked for by name tries nothing', async () => {
  const trial = host(undefined, works)
  const device = (): never => assert.fail('the device is not looked at')
  assert.deepEqual(await chooseAccelerator('tcg', trial, device), { accelerator: 'tcg' })
  assert.equal(trial.runs(), 0)
})

test('without a device that this user may open no guest is booted', async () => {
  const refusal = { reason: 'there is no /dev/kvm', fix: 'load kvm_amd' }
  const trial = host(undefined, works)
  assert.deepEqual(await chooseAccelerator('auto', trial, () => refusal), { accelerator: 'tcg', instead: refusal })
  await assert.rejects(
    chooseAccelerator('kvm', trial, () => refusal),
    /there is no \/dev\/kvm/,
  )
  assert.equal(trial.runs(), 0)
})
