import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { memoryOf } from './memory.ts'

function directories(context: TestContext): { template: string; own: string } {
  const base = mkdtempSync(join(tmpdir(), 'glovebox-memory-'))
  context.after(() => rmSync(base, { recursive: true }))
  const own = join(base, 'own')
  mkdirSync(own)
  writeFileSync(join(base, 'memory'), 'pages')
  return { template: join(base, 'memory'), own }
}

test('a QEMU that may write to the file of its memory has one of its own', (context) => {
  const { template, own } = directories(context)
  const memory = memoryOf({ readOnlyMemory: false }, template, own, (_, to) => void writeSync(to, 'pages'))
  assert.deepEqual(memory, { path: join(own, 'memory'), isShared: false })
  writeFileSync(memory.path, 'other')
  assert.equal(readFileSync(template, 'utf8'), 'pages')
})

test('where blocks cannot be shared the file is the one of the template, and that is told', (context) => {
  const { template, own } = directories(context)
  const memory = memoryOf({ readOnlyMemory: false }, template, own, () => {
    throw Object.assign(new Error('not supported'), { code: 'ENOTSUP', syscall: 'copyfile' })
  })
  assert.deepEqual(memory, { path: template, isShared: true })
  assert.deepEqual(readdirSync(own), [])
})

test('a QEMU that only reads it needs none of its own', (context) => {
  const { template, own } = directories(context)
  assert.deepEqual(memoryOf({ readOnlyMemory: true }, template, own), { path: template, isShared: false })
})
