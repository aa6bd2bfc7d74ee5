import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JailPlan } from '../../../protocol/jail-plan.ts'
import type { Firecracker } from './find.ts'
import { firecrackerJailPlan, type FirecrackerStart } from './jail-plan.ts'

const firecracker: Firecracker = {
  path: '/opt/firecracker',
  version: '1.17.0',
  hasFilter: true,
  mounts: [],
  executables: ['/opt/firecracker'],
}
const shape = { memoryBytes: 384 * 1024 ** 2, vcpus: 2 }
const parts = { shape, kernel: '/image/kernel', initrd: '/image/initrd', root: '/image/root', given: '/own/given' }

function planOf(from: FirecrackerStart): JailPlan {
  return firecrackerJailPlan({ id: 'vm-1', firecracker, parts, from, sockets: '/own/sockets' })
}

const clone = planOf({ start: 'clone', memory: '/templates/key/machine/memory', state: '/templates/key/machine/state' })
const boot = planOf({ start: 'boot', directory: '/staging/machine', vmlinux: '/cache/kernel.vmlinux' })

test('a clone can write to nothing but the directory of its own sockets', () => {
  const written = clone.mounts.flatMap(({ source, access }) => (access === 'write' ? [source] : []))
  assert.deepEqual(written, ['/own/sockets'])
})

test('of a template a clone sees memory and state, and nothing else', () => {
  const sources = clone.mounts.map(({ source }) => source)
  assert.deepEqual(sources, [
    '/image/root',
    '/own/given',
    '/templates/key/machine/memory',
    '/templates/key/machine/state',
    '/own/sockets',
  ])
})

test('a template is made in a directory of its own, from the unpacked kernel', () => {
  const written = boot.mounts.flatMap(({ source, access }) => (access === 'write' ? [source] : []))
  assert.deepEqual(written, ['/staging/machine', '/own/sockets'])
  assert.ok(
    boot.mounts.some(({ source, target }) => source === '/cache/kernel.vmlinux' && target === '/machine/kernel'),
  )
  assert.ok(!boot.mounts.some(({ source }) => source === '/image/kernel'))
})

test('it executes itself alone, without a network, and has KVM and no other device', () => {
  for (const plan of [boot, clone]) {
    assert.deepEqual(plan.exec, ['/opt/firecracker'])
    assert.deepEqual([plan.egress, plan.channel], [null, null])
    assert.deepEqual(plan.devices, ['/dev/kvm'])
    assert.ok(plan.command.argv.includes('--api-sock'))
    assert.ok(!plan.command.argv.includes('--no-seccomp'))
  }
})
