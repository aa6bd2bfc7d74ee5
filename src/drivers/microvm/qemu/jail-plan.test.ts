import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JailMount, JailPlan } from '../../../protocol/jail-plan.ts'
import type { Qemu } from './find.ts'
import { qemuJailPlan, type QemuStart } from './jail-plan.ts'

const qemu: Qemu = {
  path: '/usr/bin/qemu',
  version: '7.2.22',
  readOnlyMemory: false,
  mounts: [],
  executables: ['/usr/bin/qemu'],
  stateWriters: ['/usr/bin/sh', '/usr/bin/cat'],
}
const shape = { memoryBytes: 384 * 1024 ** 2, vcpus: 1 }
const parts = { shape, kernel: '/image/kernel', initrd: '/image/initrd', root: '/image/root', given: '/own/given' }

function mountsOf(from: QemuStart, readOnlyMemory: boolean): readonly JailMount[] {
  return qemuJailPlan({ id: 'vm-1', qemu: { ...qemu, readOnlyMemory }, args: [], parts, from, accelerator: 'tcg' })
    .mounts
}

const clone: QemuStart = { start: 'clone', memory: '/own/memory', state: '/templates/key/machine/state' }

test('of a template a clone sees the file of its memory and nothing else', () => {
  for (const readOnlyMemory of [true, false]) {
    const sources: string[] = mountsOf(clone, readOnlyMemory).map(({ source }) => source)
    assert.deepEqual(sources, ['/image/root', '/own/given', '/own/memory'])
  }
})

test('the only thing that a QEMU before 8.2 can write in a clone is its memory file, and a later one nothing', () => {
  const written = (readOnlyMemory: boolean): string[] =>
    mountsOf(clone, readOnlyMemory).flatMap(({ source, access }) => (access === 'write' ? [source] : []))
  assert.deepEqual(written(false), ['/own/memory'])
  assert.deepEqual(written(true), [])
})

test('a template is made in a directory of its own', () => {
  const mounts = mountsOf({ start: 'boot', directory: '/staging/machine' }, true)
  assert.deepEqual(
    mounts.flatMap(({ source, access }) => (access === 'write' ? [source] : [])),
    ['/staging/machine'],
  )
})

test('nothing but QEMU can be executed, and what writes a template’s state while it is made', () => {
  const execOf = (from: QemuStart): JailPlan['exec'] =>
    qemuJailPlan({ id: 'vm-1', qemu, args: [], parts, from, accelerator: 'tcg' }).exec
  assert.deepEqual(execOf(clone), ['/usr/bin/qemu'])
  assert.deepEqual(execOf({ start: 'boot', directory: '/staging/machine' }), [
    '/usr/bin/qemu',
    '/usr/bin/sh',
    '/usr/bin/cat',
  ])
})

test('QEMU gets the device of KVM where it runs on it, and no device otherwise', () => {
  const devicesOf = (accelerator: 'kvm' | 'tcg' | 'hvf'): readonly string[] =>
    qemuJailPlan({ id: 'vm-1', qemu, args: [], parts, from: clone, accelerator }).devices
  assert.deepEqual(devicesOf('kvm'), ['/dev/kvm'])
  assert.deepEqual(devicesOf('tcg'), [])
  assert.deepEqual(devicesOf('hvf'), [])
})
