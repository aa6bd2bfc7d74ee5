import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { configHome, type ConfigHome } from '../../test/support/config-home.ts'
import type { Plan } from '../policy/plan.ts'
import { prepare } from '../runtime/prepare.ts'
import { renderPlan } from '../ui/plan.ts'
import { loadServer, type ConfiguredServer } from './servers.ts'

const mebibyte = 1024 ** 2

let home: ConfigHome
beforeEach(() => {
  home = configHome()
})
afterEach(() => home.remove())

function user(microvm: object, sandbox: object = {}, defaults: object = {}): void {
  const mcpServers = { s: { command: 'true', sandbox: { driver: 'microvm', ...sandbox } } }
  home.put('places/config/glovebox.json', JSON.stringify({ mcpServers, microvm, defaults }))
}

async function planned(): Promise<{ plan: Plan; server: ConfiguredServer }> {
  const server = await loadServer('s', { cwd: home.project, env: home.env })
  assert.ok(server)
  return { plan: (await prepare({ ...server, terminal: false })).plan, server }
}

async function sizes(): Promise<[memoryMiB: number, cpus: number]> {
  const { memory, cpus } = (await planned()).plan.limits
  return [memory.value / mebibyte, cpus.value]
}

test('microvm.memory and microvm.cpus are the limits of machines that say nothing else', async () => {
  user({})
  assert.deepEqual(await sizes(), [256, 1])
  user({ memory: '384M', cpus: 3 })
  assert.deepEqual(await sizes(), [384, 3])
  user({ memory: '384M', cpus: 3 }, { limits: { memory: '200M' } })
  assert.deepEqual(await sizes(), [200, 3])
  user({ memory: '384M', cpus: 3 }, {}, { limits: { cpus: 2 } })
  assert.deepEqual(await sizes(), [384, 2])
})

test('they mean nothing for a jail', async () => {
  user({ memory: '384M', cpus: 3 }, { driver: 'jail' })
  const { memory, cpus } = (await planned()).plan.limits
  assert.deepEqual([memory.value === 384 * mebibyte, cpus.value], [false, 1])
})

test('a server’s own file comes before the user’s', async () => {
  user({ memory: '384M', cpus: 3 })
  const mcpServers = { s: { command: 'true', sandbox: { driver: 'microvm' } } }
  const file = home.put('other/glovebox.json', JSON.stringify({ mcpServers, microvm: { memory: '320M' } }))
  const named = await loadServer('s', { cwd: home.project, env: home.env, config: file })
  assert.ok(named)
  const { limits } = (await prepare({ ...named, terminal: false })).plan
  assert.deepEqual([limits.memory.value / mebibyte, limits.cpus.value], [320, 1], 'that file and no other')
})

test('the plan says where the size of a machine is written', async () => {
  user({ memory: '384M' })
  const { plan, server } = await planned()
  const text = renderPlan(plan, { ...server, json: false, verb: 'run', stream: {} })
  assert.match(text, /^memory +384 MiB +.*glovebox\.json:1:\d+$/m)
  assert.match(text, /^cpus +1 +default$/m)
})
