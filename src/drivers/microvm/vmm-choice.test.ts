import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KvmTrial, Tried } from './accelerator.ts'
import { chooseVmm, type ChosenVmm, type Offers } from './vmm-choice.ts'
import type { Vmm } from './vmm/machine.ts'

const named = (name: string): Vmm => ({ name }) as Vmm
const works: Tried = { ok: true, answeredMs: 200 }
const fails: Tried = { ok: false, reason: 'a guest does not boot on it: no memfd', fix: 'have control groups' }

function offers(outcome: Tried | undefined, remembered?: Tried): Offers & { readonly tried: () => number } {
  let tried = 0
  const trial: KvmTrial = {
    known: () => remembered,
    async run() {
      tried++
      return outcome ?? fails
    },
  }
  const qemu = async (): Promise<ChosenVmm> => ({ vmm: named('qemu'), accelerated: { accelerator: 'tcg' } })
  const firecracker = outcome === undefined ? undefined : { vmm: named('firecracker'), trial }
  return { firecracker, qemu, tried: () => tried }
}

const there = (): undefined => undefined
const open = { vmm: undefined, accel: 'auto' } as const

test('Firecracker is taken where a guest has really booted with it, and tried once', async () => {
  const first = offers(works)
  assert.equal((await chooseVmm(open, first, there)).vmm.name, 'firecracker')
  assert.equal(first.tried(), 1)
  const later = offers(fails, works)
  assert.equal((await chooseVmm(open, later, there)).vmm.name, 'firecracker')
  assert.equal(later.tried(), 0)
})

test('otherwise it is QEMU, with what was seen of Firecracker', async () => {
  const chosen = await chooseVmm(open, offers(fails), there)
  assert.equal(chosen.vmm.name, 'qemu')
  assert.match(chosen.notFirecracker?.reason ?? '', /no memfd/)
  const none = await chooseVmm(open, offers(undefined), there)
  assert.deepEqual([none.vmm.name, none.notFirecracker], ['qemu', undefined])
  const noDevice = offers(works)
  const refusal = { reason: 'there is no /dev/kvm', fix: undefined }
  assert.equal((await chooseVmm(open, noDevice, () => refusal)).notFirecracker, refusal)
  assert.equal(noDevice.tried(), 0)
})

test('one that is asked for by name is never replaced', async () => {
  const asked = { vmm: 'firecracker', accel: 'auto' } as const
  await assert.rejects(chooseVmm(asked, offers(fails), there), {
    code: 'HOST_CANNOT',
    message: /^Firecracker is asked for by name, and .*no memfd/,
    fix: 'have control groups; or leave --vmm, microvm.vmm and GLOVEBOX_VMM out, and QEMU runs machines where it does not',
  })
  // What failed once may have failed because the host was busy: it is tried again.
  const again = offers(works, fails)
  assert.equal((await chooseVmm(asked, again, there)).vmm.name, 'firecracker')
  assert.equal(again.tried(), 1)
  await assert.rejects(chooseVmm({ ...asked, accel: 'tcg' }, offers(works), there), { message: /runs on KVM alone/ })
  const qemu = offers(works)
  assert.equal((await chooseVmm({ vmm: 'qemu', accel: 'auto' }, qemu, there)).vmm.name, 'qemu')
  assert.equal(qemu.tried(), 0)
})

test('where machines are to be emulated Firecracker is not tried', async () => {
  const emulated = offers(works)
  assert.equal((await chooseVmm({ vmm: undefined, accel: 'tcg' }, emulated, there)).vmm.name, 'qemu')
  assert.equal(emulated.tried(), 0)
})
