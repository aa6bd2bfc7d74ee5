import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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
