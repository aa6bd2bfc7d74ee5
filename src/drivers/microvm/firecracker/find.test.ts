import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findFirecracker, firecrackerAt, hasInterpreter, readVersion } from './find.ts'

/** An ELF file with program headers of these kinds. */
function elf(...kinds: number[]): Buffer {
  const head = Buffer.alloc(64 + 56 * kinds.length)
  head.write('\x7fELF\x02\x01\x01', 'latin1')
  head.writeBigUInt64LE(64n, 0x20)
  head.writeUInt16LE(56, 0x36)
  head.writeUInt16LE(kinds.length, 0x38)
  for (const [index, kind] of kinds.entries()) head.writeUInt32LE(kind, 64 + 56 * index)
  return head
}

test('the version is read as Firecracker says it', () => {
  const said =
    'Firecracker v1.17.0-dev\n\n2026-11-21T21:00:58 [anonymous-instance:main] Firecracker exiting successfully.'
  assert.equal(readVersion('/x', said), '1.17.0-dev')
  assert.equal(readVersion('/x', 'Firecracker v2.0.1\n'), '2.0.1')
})

test('one that is too old for a guest of ours, or is none, is refused with where to get one', () => {
  for (const [said, message] of [
    ['Firecracker v1.7.3\n', /\/x is Firecracker 1\.7\.3, which is too old/],
    ['Firecracker v0.25.0\n', /too old/],
    ['QEMU emulator version 7.2\n', /does not say which version/],
  ] as const) {
    assert.throws(() => readVersion('/x', said), { code: 'HOST_CANNOT', message, fix: /firecracker\/releases/ })
  }
})

test('a release is static and has a filter of its own; what needs a loader has none', () => {
  assert.equal(hasInterpreter(elf(1, 1, 2)), false)
  assert.equal(hasInterpreter(elf(6, 3, 1)), true)
  for (const unknown of [Buffer.from('#!/bin/sh\n'), Buffer.alloc(0), elf(1, 1).subarray(0, 70)]) {
    assert.equal(hasInterpreter(unknown), true)
  }
})

test('a static one is shown itself and nothing of the system; one of a home nothing else of that home', (context) => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'glovebox-firecracker-')))
  context.after(() => rmSync(base, { recursive: true }))
  mkdirSync(join(base, 'bin'))
  const path = join(base, 'bin/firecracker')
  writeFileSync(path, elf(1))
  const { mounts, executables, hasFilter } = firecrackerAt(path, '1.17.0')
  assert.deepEqual([mounts.map(({ source }) => source), executables, hasFilter], [[path], [path], true])
  writeFileSync(path, elf(1, 3))
  const dynamic = firecrackerAt(path, '1.17.0')
  assert.equal(dynamic.hasFilter, false)
  assert.deepEqual(
    dynamic.mounts.flatMap(({ owner, source }) => (owner === 'user' ? [source] : [])),
    [path],
  )
})

test('it is found in PATH, or where a configuration says, and nothing else is taken in its place', (context) => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'glovebox-firecracker-')))
  context.after(() => rmSync(base, { recursive: true }))
  const missing = { code: 'HOST_CANNOT', fix: /firecracker\/releases/ }
  assert.throws(() => findFirecracker({ PATH: base }), { ...missing, message: /no firecracker in PATH/ })
  const path = join(base, 'firecracker')
  writeFileSync(path, elf(1))
  assert.throws(() => findFirecracker({ PATH: base }), missing)
  chmodSync(path, 0o755)
  assert.equal(findFirecracker({ PATH: `relative:${base}` }), path)
  assert.equal(findFirecracker({ PATH: '' }, path), path)
  assert.throws(() => findFirecracker({ PATH: base }, join(base, 'other')), {
    ...missing,
    message: /microvm\.firecracker: /,
  })
})
