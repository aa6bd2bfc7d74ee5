import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Receipt } from '../../driver.ts'
import { receiptOfBoth } from './receipt.ts'

const receipt: Receipt = {
  inside: '1.0.0',
  kernel: '6.1',
  enforcements: (['kernel', 'net'] as const).map((control) => ({
    control,
    enforced: true,
    mechanism: 'seccomp',
    layers: [],
  })),
  seccomp: '',
  landlockAbi: 0,
  hostUid: 1000,
}

test('what cannot be promised of the virtual machine monitor is in the receipt, at the control that it is about', () => {
  const unchecked = 'machines share their memory file'
  const lines = receiptOfBoth(receipt, { receipt, unchecked }, { name: 'QEMU 7.2.22', instead: undefined }).enforcements
  assert.deepEqual(
    lines.map((line) => [line.control, line.unchecked]),
    [
      ['kernel', unchecked],
      ['net', undefined],
    ],
  )
})

test('why a machine is emulated is in the receipt, once', () => {
  const vmm = { name: 'QEMU 7.2.22, software emulation', instead: 'there is no /dev/kvm' }
  const lines = receiptOfBoth(receipt, { receipt }, vmm).enforcements
  assert.deepEqual(
    lines.map((line) => [line.control, line.layers.includes('no KVM: there is no /dev/kvm')]),
    [
      ['kernel', true],
      ['net', false],
    ],
  )
})
