import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { ordinaryUser } from '../../../../test/support/as-user.ts'
import { templateKey, type TemplateParts } from './template-key.ts'
import { listTemplates, provideTemplate, purgeTemplates, readTemplate, templateStore } from './template-store.ts'

const key = 'a'.repeat(64)
const shape = { memoryBytes: 6, vcpus: 1 }
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

/** What a virtual machine monitor that its guest has taken over leaves instead: `victim` is a file of the user's. */
const forged: Readonly<Record<string, (at: (name: string) => string, victim: string) => void>> = {
  'a state that is a link to a file of the user': (at, victim) => {
    rmSync(at('state'))
    symlinkSync(victim, at('state'))
  },
  'a memory that is a link to a file of the user': (at, victim) => {
    rmSync(at('memory'))
    symlinkSync(victim, at('memory'))
  },
  'a state that is read for ever': (at) => {
    rmSync(at('state'))
    execFileSync('mkfifo', [at('state')])
  },
  'a state that is a directory': (at) => {
    rmSync(at('state'))
    mkdirSync(at('state'))
  },
  'a state that has another name': (at) => linkSync(at('state'), at('other')),
  'a state as large as a disk': (at) => truncateSync(at('state'), 2 ** 40),
  'an empty state': (at) => truncateSync(at('state'), 0),
  'a memory of another size': (at) => truncateSync(at('memory'), 5),
  'no memory': (at) => rmSync(at('memory')),
}

for (const [what, forge] of Object.entries(forged)) {
  test(`a monitor that was taken over leaves ${what}, and no template is made of that`, async (context) => {
    const store = storeOf(context)
    const victim = path.join(store.root, '..', 'victim')
    writeFileSync(victim, 'secret', { mode: 0o640 })
    const make = async (directory: string): Promise<typeof made> => {
      await maker().make(directory)
      forge((name) => path.join(directory, name), victim)
      return made
    }
    await assert.rejects(provideTemplate(store, key, make, waiting), { code: 'NOT_STARTED', message: /the template's/ })
    assert.equal(readTemplate(store, key), undefined)
    assert.deepEqual(readdirSync(store.staging), [])
    assert.equal(statSync(victim).mode & 0o777, 0o640, 'the mode of the user’s file')
  })
}

test('a monitor that has not ended yet when its template is there changes nothing of it by name', async (context) => {
  const store = storeOf(context)
  let theirs = ''
  const template = await provideTemplate(
    store,
    key,
    async (directory) => {
      theirs = directory
      return maker().make(directory)
    },
    waiting,
  )
  assert.notEqual(path.dirname(theirs), path.dirname(template.directory))
  assert.ok(!existsSync(theirs), 'what it sees has moved with the template, or is gone')
  assert.deepEqual(readdirSync(template.directory).toSorted(), ['memory', 'state'])
})

test('what could not be made leaves nothing, and what a killed process left is removed', async (context) => {
  const store = storeOf(context)
  mkdirSync(path.join(store.staging, `${key}~left`), { recursive: true })
  const failing = async (): Promise<never> => Promise.reject(new Error('the guest did not boot'))
  await assert.rejects(provideTemplate(store, key, failing, waiting), /did not boot/)
  assert.deepEqual(readdirSync(store.staging), [])
  assert.equal(readTemplate(store, key), undefined)
})

/** Root removes whatever modes it has. */
function asOrdinaryUser(lines: string): { readonly stdout: string; readonly stderr: string } {
  const user = ordinaryUser()
  const script = `import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
    import { join } from 'node:path'
    import { provideTemplate, purgeTemplates, templateStore } from ${JSON.stringify(path.join(user.root, 'src/drivers/microvm/vmm/template-store.ts'))}
    const store = templateStore({ cache: ${JSON.stringify(user.home)} })
    const [key, made, waiting] = [${JSON.stringify(key)}, ${JSON.stringify(made)}, { signal: AbortSignal.timeout(20_000) }]
    ${lines}`
  return user.spawnSync(user.node, ['--input-type=module', '-e', script])
}

test('a monitor that was taken over leaves a directory that its owner cannot enter, and it is removed', () => {
  const { stdout, stderr } = asOrdinaryUser(`
    mkdirSync(join(store.root, 'victim'), { recursive: true, mode: 0o750 })
    const fill = (directory) => {
      writeFileSync(join(directory, 'memory'), 'memory')
      writeFileSync(join(directory, 'state'), 'state')
      mkdirSync(join(directory, 'x/y'), { recursive: true })
      symlinkSync(join(store.root, 'victim'), join(directory, 'x/link'))
      chmodSync(join(directory, 'x'), 0)
    }
    const fail = async (directory) => {
      fill(directory)
      throw new Error('the guest did not boot')
    }
    await provideTemplate(store, key, fail, waiting).catch(({ message }) => console.log(message))
    console.log(readdirSync(store.staging).length, 'staged')
    mkdirSync(join(store.staging, 'gone~1'))
    fill(join(store.staging, 'gone~1'))
    await provideTemplate(store, key, async (directory) => (fill(directory), made), waiting)
    console.log(readdirSync(store.staging).length, 'staged')
    console.log(purgeTemplates(store, () => true).count, 'purged', readdirSync(store.root).includes('victim'))`)
  assert.equal(stdout, 'the guest did not boot\n0 staged\n0 staged\n1 purged true\n', stderr)
  assert.equal(stderr, '')
})

test('what a monitor has left that cannot be removed is told, and ends nothing else', () => {
  const { stdout, stderr } = asOrdinaryUser(`
    mkdirSync(join(store.staging, 'gone~1', ...Array.from({ length: 300 }, () => 'd')), { recursive: true })
    mkdirSync(join(store.staging, 'gone~2'))
    const make = async (directory) => {
      writeFileSync(join(directory, 'memory'), 'memory')
      writeFileSync(join(directory, 'state'), 'state')
      return made
    }
    await provideTemplate(store, key, make, waiting)
    console.log(readdirSync(store.staging).join())
    console.log(purgeTemplates(store, () => true).count, 'purged')`)
  assert.equal(stdout, 'gone~1\n1 purged\n', stderr)
  const told = /^glovebox: what a virtual machine left is not removed \(.*256 levels.*\): chmod .*; rm -r '.*gone~1'$/gm
  assert.equal(stderr.match(told)?.length, 2)
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
