import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { firecrackerVmm } from './machine.ts'

/** What our descriptors lead to; not of the one that reads them, which is gone by then. */
function open(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
}

test('a machine whose jail cannot be started leaves neither a descriptor nor its sockets', async (context) => {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-firecracker-'))
  context.after(() => rmSync(base, { recursive: true }))
  const own = join(base, 'own')
  mkdirSync(own)
  const path = join(base, 'firecracker')
  const vmm = firecrackerVmm({
    inside: join(base, 'no-inside'),
    firecracker: { path, version: '1.17.0', hasFilter: true, mounts: [], executables: [path] },
    processor: 'none',
    hostKernel: 'none',
    kernels: base,
  })
  const shape = { memoryBytes: 1024 ** 2, vcpus: 1 }
  const parts = { shape, kernel: '/image/kernel', initrd: '/image/initrd', root: '/image/root', given: '/own/given' }
  const { signal } = new AbortController()
  await assert.rejects(vmm.clone(parts, { template: base, own }, signal), { code: 'NOT_STARTED' })
  assert.deepEqual(
    open().filter((each) => each.startsWith(base)),
    [],
  )
  assert.deepEqual(readdirSync(own), [])
})
