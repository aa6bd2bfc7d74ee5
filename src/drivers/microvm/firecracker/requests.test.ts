import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filesInside } from './jail-plan.ts'
import { bootCalls, freezeCalls, loadCall } from './requests.ts'

const shape = { memoryBytes: 384 * 1024 ** 2, vcpus: 2 }

test('a machine is made of calls in the order that Firecracker wants them in, and started last', () => {
  assert.deepEqual(
    bootCalls(shape, filesInside).map(({ method, path }) => `${method} ${path}`),
    ['PUT /machine-config', 'PUT /boot-source', 'PUT /drives/root', 'PUT /drives/given', 'PUT /vsock', 'PUT /actions'],
  )
})

test('each call has the fields that Firecracker knows, and no other: it refuses them', () => {
  const bodies = new Map(bootCalls(shape, filesInside).map(({ path, body }) => [path, body]))
  assert.deepEqual(bodies.get('/machine-config'), { vcpu_count: 2, mem_size_mib: 384, smt: false })
  assert.deepEqual(bodies.get('/drives/given'), {
    drive_id: 'given',
    path_on_host: '/machine/given',
    is_root_device: false,
    is_read_only: true,
  })
  assert.deepEqual(bodies.get('/vsock'), { guest_cid: 3, uds_path: '/sockets/vsock' })
  assert.deepEqual(bodies.get('/actions'), { action_type: 'InstanceStart' })
})

test('a guest has no serial line that it could fill a pipe of the host by, and ends when its kernel panics', () => {
  const source = bootCalls(shape, filesInside).find(({ path }) => path === '/boot-source')
  const words = String(source?.body['boot_args']).split(' ')
  for (const word of ['8250.nr_uarts=0', 'reboot=k', 'panic=-1']) assert.ok(words.includes(word), word)
  assert.ok(!words.some((word) => word.startsWith('console=')))
})

test('a machine stands still before its whole memory is written down, and goes on from it on private memory', () => {
  assert.deepEqual(freezeCalls(filesInside), [
    { method: 'PATCH', path: '/vm', body: { state: 'Paused' } },
    {
      method: 'PUT',
      path: '/snapshot/create',
      body: { snapshot_type: 'Full', snapshot_path: '/template/state', mem_file_path: '/template/memory' },
    },
  ])
  assert.deepEqual(loadCall(filesInside).body, {
    snapshot_path: '/template/state',
    mem_backend: { backend_type: 'File', backend_path: '/template/memory' },
    resume_vm: true,
  })
})
