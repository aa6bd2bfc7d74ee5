import assert from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { templateKey, type TemplateParts } from './template-key.ts'
import { listTemplates, provideTemplate, purgeTemplates, readTemplate, templateStore } from './template-store.ts'

const key = 'a'.repeat(64)
const shape = { memoryBytes: 1024, vcpus: 1 }
const made = { level: 'boot', vmm: 'QEMU', image: 'b'.repeat(64), shape, system: [] } as const

function storeOf(context: TestContext) {
  const cache = mkdtempSync(path.join(tmpdir(), 'glovebox-templates-'))
  context.after(() => rmSync(cache, { recursive: true }))
  return templateStore({ cache })
}

function maker(): { make: (directory: string) => Promise<typeof made>; count: () => number } {
  let count = 0
  return {
    count: () => count,
    async make(directory) {
      count += 1
      writeFileSync(path.join(directory, 'memory'), 'memory')
      writeFileSync(path.join(directory, 'state'), 'state')
      return made
    },
  }
}

const waiting = { signal: AbortSignal.timeout(20_000) }

test('a template is made once, also by two that want it at the same time', async (context) => {
  const [store, { make, count }] = [storeOf(context), maker()]
  const both = await Promise.all([
    provideTemplate(store, key, make, waiting),
    provideTemplate(store, key, make, waiting),
  ])
  assert.equal(count(), 1)
  assert.deepEqual(
    both.map(({ record }) => record.key),
    [key, key],
  )
  assert.equal(listTemplates(store).length, 1)
})

for (const file of ['memory', 'state', '../template.json']) {
  test(`a template whose ${file} was changed is made anew`, async (context) => {
    const [store, { make, count }] = [storeOf(context), maker()]
    const { directory } = await provideTemplate(store, key, make, waiting)
    chmodSync(path.join(directory, file), 0o600)
    appendFileSync(path.join(directory, file), 'x')
    assert.equal(readTemplate(store, key), undefined)
    await provideTemplate(store, key, make, waiting)
    assert.equal(count(), 2)
    assert.ok(readTemplate(store, key))
  })
}

test('what a virtual machine monitor may see of a template has no word on what the template is', async (context) => {
  const [store, { make }] = [storeOf(context), maker()]
  const { directory } = await provideTemplate(store, key, make, waiting)
  assert.deepEqual(readdirSync(directory).toSorted(), ['memory', 'state'])
  assert.deepEqual(
    listTemplates(store).map((template) => [template.record.key, template.bytes > 0]),
    [[key, true]],
  )
})

test('what could not be made leaves nothing, and what a killed process left is removed', async (context) => {
  const store = storeOf(context)
  mkdirSync(path.join(store.staging, `${key}~left`), { recursive: true })
  const failing = async (): Promise<never> => Promise.reject(new Error('the guest did not boot'))
  await assert.rejects(provideTemplate(store, key, failing, waiting), /did not boot/)
  assert.deepEqual(readdirSync(store.staging), [])
  assert.equal(readTemplate(store, key), undefined)
})

test('a purge removes those that are meant, and tells what came free', async (context) => {
  const [store, { make }] = [storeOf(context), maker()]
  const { directory } = await provideTemplate(store, key, make, waiting)
  assert.deepEqual(
    purgeTemplates(store, () => false),
    { count: 0, bytes: 0 },
  )
  assert.equal(purgeTemplates(store, (each) => each === key).count, 1)
  assert.ok(!existsSync(directory))
})

test('whatever a guest would differ by is in the key', () => {
  const parts: TemplateParts = {
    kernel: 'k',
    modules: 'm',
    inside: 'i',
    root: 'r',
    shape,
    vmm: ['qemu 7.2.22', 'tcg'],
    level: 'boot',
  }
  const others: Partial<TemplateParts>[] = [
    { kernel: 'x' },
    { modules: 'x' },
    { inside: 'x' },
    { root: 'x' },
    { shape: { ...shape, memoryBytes: 2048 } },
    { shape: { ...shape, vcpus: 2 } },
    { vmm: ['qemu 8.2.0', 'tcg'] },
  ]
  const keys = [parts, ...others.map((other) => ({ ...parts, ...other }))].map(templateKey)
  assert.equal(new Set(keys).size, keys.length)
  assert.equal(templateKey({ ...parts }), keys[0])
})
