import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shapeFor } from './shape.ts'

const mebibyte = 1024 ** 2
const limits = {
  memory: { value: 256 * mebibyte, explicit: false },
  cpus: { value: 1.5, explicit: false },
}

const host = { memoryBytes: 8192 * mebibyte, cpus: 4 }

test('a machine has the memory of its policy and its own, and whole processors', () => {
  assert.deepEqual(shapeFor(limits, undefined, host), { memoryBytes: 384 * mebibyte, vcpus: 2 })
})

test('a machine grows by the copy of a workspace, in steps that double', () => {
  for (const [bytes, entries, more] of [
    [0, 0, 64],
    [63 * mebibyte, 10, 64],
    [64 * mebibyte, 1, 128],
    [0, 100_000, 1024],
    [2000 * mebibyte, 10, 2048],
  ] as const) {
    const { memoryBytes } = shapeFor(limits, { bytes, entries }, host)
    assert.equal(memoryBytes / mebibyte, 384 + more, `${bytes} bytes in ${entries}`)
  }
})

test('a workspace that no machine is made for is refused with numbers and a way out', () => {
  assert.throws(
    () => shapeFor(limits, { bytes: 3 * mebibyte, entries: 400_000 }, host),
    (error: Error & { fix?: string }) =>
      /takes 2\.3 GiB of .*\(400000 files and directories, 3 MiB\), and 2 GiB is the most/.test(error.message) &&
      /workspace\.exclude/.test(error.fix ?? ''),
  )
})

test('more memory than this machine has is refused before anything starts, and more processors are not made', () => {
  const large = { memory: { value: 64 * 1024 * mebibyte, explicit: true }, cpus: { value: 99, explicit: true } }
  assert.throws(() => shapeFor(large, undefined, host), {
    code: 'HOST_CANNOT',
    message: 'a virtual machine of 64.1 GiB does not fit into this machine, which has 8 GiB',
    fix: /--memory/,
  })
  assert.equal(shapeFor({ ...large, memory: limits.memory }, undefined, host).vcpus, 4)
})
