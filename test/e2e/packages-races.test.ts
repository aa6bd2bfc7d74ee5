import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { resolveCommand } from '../../src/packages/start.ts'
import { listPackages } from '../../src/packages/manage/list.ts'
import { storeIn } from '../../src/packages/store/store.ts'
import { reapStaging } from '../../src/packages/store/staging.ts'
import { verifyContents } from '../../src/packages/store/verify-contents.ts'
import { npmRegistry, type Registry } from '../support/npm-registry.ts'
import { fixtures, packageHome } from '../support/package-fixtures.ts'
import { isLong } from '../support/requirement.ts'
import { runApart } from '../support/run-apart.ts'

let registry: Registry
before(async () => {
  registry = await npmRegistry(fixtures)
})
after(async () => registry[Symbol.asyncDispose]())

const commands = ['@fixture/server', '@fixture/server@1.0.0', 'other-server', 'with-scripts', 'from-the-future@1']

test('first installs of overlapping packages at once are each installed once, and all of them run', async () => {
  using home = packageHome(registry.url)
  const count = isLong() ? 50 : 15
  const install = async (index: number): Promise<{ readonly code: number | null; readonly stderr: string }> => {
    const name = commands[index % commands.length] ?? ''
    return runApart(['package', 'install', '--json', '--', 'npx', name], { env: home.env, cwd: home.cwd })
  }
  const ended = await Promise.all(Array.from({ length: count }, async (_, index) => install(index)))
  // A registry that so many ask at once may answer too late on a busy machine: that is told, and it is tried again as the fix says.
  const late = ended.flatMap(({ stderr }, index) => (/cannot be reached \(no answer/.test(stderr) ? [index] : []))
  assert.ok(late.length <= count / 5, `${late.length} of ${count} had no answer`)
  for (const index of late) ended[index] = await install(index)
  for (const { code, stderr } of ended) assert.equal(code, 0, stderr)
  const store = storeIn(home.places.data)
  const listed = listPackages(store)
  assert.equal(listed.length, commands.length)
  for (const { record, pins } of listed) {
    assert.ok(record)
    assert.equal(pins.length, 1)
    verifyContents(store, record)
  }
  assert.deepEqual(readdirSync(store.staging), [])
  const archives = registry.requests.filter((path) => path === 'other-server/-/3.0.0.tgz')
  assert.equal(archives.length, 1, 'one process fetched it for all')
})

test('an install that is killed at any moment leaves a store that is whole, and the next one goes on', async () => {
  using home = packageHome(registry.url)
  const store = storeIn(home.places.data)
  const seed = Date.now() % 1_000_000
  const random = generator(seed)
  let killed = 0
  for (let round = 0; round < (isLong() ? 100 : 8); round++) {
    const name = commands[round % commands.length] ?? ''
    if (round % commands.length === 0) await runApart(['package', 'purge', '--all', '--forget'], home)
    const { code } = await runApart(['package', 'install', '--', 'npx', name], {
      ...home,
      // When it is killed is what this test varies: there is no condition to wait for.
      started: (child) => void delay(random() * 1500).then(() => child.kill('SIGKILL')),
    })
    if (code === null) killed++
    for (const { record } of listPackages(store)) if (record !== undefined) verifyContents(store, record)
  }
  assert.ok(killed > 0, `no install was killed (seed ${seed})`)
  for (const name of commands) {
    const found = await resolveCommand(['npx', name], { ...home, progress: () => undefined })
    assert.ok(existsSync(found?.command[1] ?? ''), `${name} is whole (seed ${seed})`)
  }
  reapStaging(store)
  assert.deepEqual(readdirSync(store.staging), [], `seed ${seed}`)
})

/** Numbers in [0, 1), the same for a seed (a linear congruential generator, Numerical Recipes 7.1). */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => (state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32
}
