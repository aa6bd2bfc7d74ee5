import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createMicrovmDriver } from './microvm-driver.ts'

test('asked what it can do, it names the image that is missing, and builds none even where somebody could wait for it', async (context) => {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-driver-'))
  const terminal = Object.getOwnPropertyDescriptor(process.stderr, 'isTTY')
  context.after(() => {
    if (terminal === undefined) Reflect.deleteProperty(process.stderr, 'isTTY')
    else Object.defineProperty(process.stderr, 'isTTY', terminal)
    rmSync(base, { recursive: true })
  })
  Object.defineProperty(process.stderr, 'isTTY', { value: true, configurable: true })
  for (const name of ['qemu-system-x86_64', 'qemu-system-aarch64']) {
    writeFileSync(join(base, name), '#!/bin/sh\necho QEMU emulator version 8.2.0\n', { mode: 0o755 })
  }
  const inside = join(base, 'glovebox-inside')
  writeFileSync(inside, 'a binary', { mode: 0o755 })
  const env = { PATH: base, GLOVEBOX_HOME: join(base, 'home'), GLOVEBOX_INSIDE: inside }
  const support = await createMicrovmDriver(env).probe(AbortSignal.timeout(20_000))
  assert.ok(!support.ok)
  assert.deepEqual(support.fix, 'glovebox image build')
  assert.ok(!existsSync(join(base, 'home/data/images')), 'nothing has begun')
})

test('a firecracker in PATH that is of no use stops nobody who did not ask for it, and is no answer for who did', async (context) => {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-driver-'))
  context.after(() => rmSync(base, { recursive: true }))
  for (const name of ['qemu-system-x86_64', 'qemu-system-aarch64']) {
    writeFileSync(join(base, name), '#!/bin/sh\necho QEMU emulator version 8.2.0\n', { mode: 0o755 })
  }
  const inside = join(base, 'glovebox-inside')
  writeFileSync(inside, 'a binary', { mode: 0o755 })
  const config = join(base, 'home/config')
  mkdirSync(config, { recursive: true })
  const env = { PATH: base, GLOVEBOX_HOME: join(base, 'home'), GLOVEBOX_INSIDE: inside }
  const why = async (): Promise<string> => {
    const support = await createMicrovmDriver(env).probe(AbortSignal.timeout(20_000))
    return support.ok ? '' : support.reason
  }
  const firecracker = join(base, 'firecracker')
  for (const [program, reason] of [
    ['#!/bin/sh\necho Firecracker v1.7.3\n', /1\.7\.3, which is too old/],
    ['#!/bin/sh\nexit 1\n', /does not say which version/],
    ['#!/no/such/interpreter\n', /cannot be started/],
  ] as const) {
    writeFileSync(firecracker, program, { mode: 0o755 })
    rmSync(join(config, 'glovebox.json'), { force: true })
    assert.match(await why(), /there is no image yet/)
    for (const microvm of [{ vmm: 'firecracker' }, { firecracker }]) {
      writeFileSync(join(config, 'glovebox.json'), JSON.stringify({ microvm }))
      assert.match(await why(), reason)
    }
  }
})
