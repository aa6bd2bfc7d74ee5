import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SupportYes } from '../drivers/driver.ts'
import { renderExamination } from './examination.ts'

function told(accelerator: SupportYes['accelerator'], json = false): string {
  const support: SupportYes = {
    ok: true,
    enforces: [],
    receipt: { inside: '1', kernel: '6', enforcements: [], seccomp: '', landlockAbi: 7, hostUid: 1000 },
    evidence: new Map(),
    explicitLimits: { ok: true },
    ...(accelerator && { accelerator }),
  }
  const drivers = [{ driver: 'microvm', support, ms: 1 }] as const
  return renderExamination({ drivers, absent: [], whole: false }, { json, stream: {} })
}

test('what machines run on is told, and where they are emulated, why and what helps', () => {
  assert.match(told({ name: 'kvm' }), /machines run on KVM: one was booted on it/)
  const emulated = told({ name: 'tcg', reason: 'there is no /dev/kvm', fix: 'load kvm_amd' })
  assert.match(emulated, /machines are emulated: there is no \/dev\/kvm\n +fix: load kvm_amd\n/)
  assert.match(told({ name: 'tcg' }), /machines are emulated: asked for \(microvm\.accel\)/)
  assert.doesNotMatch(told(undefined), /machines/)
})

test('what QEMU complained of cannot draw on the terminal', () => {
  assert.ok(!told({ name: 'tcg', reason: 'bad\u{1b}[2Jworse' }).includes('\u{1b}[2J'))
})

test('as JSON the accelerator is a document of its own', () => {
  const { drivers } = JSON.parse(told({ name: 'tcg', reason: 'r', fix: 'f' }, true)) as {
    drivers: [{ accelerator: unknown }]
  }
  assert.deepEqual(drivers[0].accelerator, { name: 'tcg', reason: 'r', fix: 'f' })
})
