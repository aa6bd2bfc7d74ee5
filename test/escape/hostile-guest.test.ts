import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { once } from 'node:events'
import { after, before, suite, test } from 'node:test'
import type { Driver, Exit, Wall } from '../../src/drivers/driver.ts'
import { loadDriver } from '../../src/drivers/registry.ts'
import type { MicrovmHost } from '../../src/drivers/microvm/host.ts'
import { startMicrovm } from '../../src/drivers/microvm/start.ts'
import type { Plan } from '../../src/policy/plan.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { createContract, until } from '../contract/context.ts'
import { hasEnded } from '../contract/processes.ts'
import { runners } from '../support/as-user.ts'
import { eventually } from '../support/eventually.ts'
import { testMachines, whyNoMachines } from '../support/machines.ts'
import { unlessPresent } from '../support/requirement.ts'
import { hostWithAccomplice } from './guest/accomplice.ts'
import { attacksBinary } from './support/binaries.ts'

const missing = unlessPresent('QEMU', whyNoMachines())
if (missing === false) await testMachines()

const MiB = 1024 ** 2

/** What root in the guest does once the program runs (native/attacks/src/outside/hostile.rs), and what becomes of the sandbox by itself. */
interface Hostility {
  readonly title: string
  readonly how: string
  /** `lost`: the host ends the machine; `ended`: the machine ends itself; `goes on`: until somebody stops it. */
  readonly then: 'lost' | 'ended' | 'goes on'
}

const hostilities: readonly Hostility[] = [
  { title: 'writes noise without end to its port', how: 'noise', then: 'lost' },
  { title: 'repeats without end a frame that was delivered', how: 'old', then: 'goes on' },
  { title: 'sends a frame from far ahead', how: 'gap', then: 'lost' },
  { title: 'begins a frame and never ends it', how: 'half', then: 'lost' },
  { title: 'welcomes the host again and again, as another machine', how: 'welcome', then: 'goes on' },
  { title: 'swallows all that the host says', how: 'silence', then: 'lost' },
  { title: 'stops its init', how: 'frozen', then: 'lost' },
  { title: 'writes without end to its console', how: 'console', then: 'goes on' },
  { title: 'restarts', how: 'reboot', then: 'ended' },
  { title: 'panics', how: 'panic', then: 'ended' },
]

suite('a hostile guest', { skip: missing }, () => {
  let host: MicrovmHost
  let contract: ReturnType<typeof createContract>
  let neighbour: { readonly wall: Wall; readonly ask: () => Promise<string> }
  before(async () => {
    const [runner] = runners()
    assert.ok(runner)
    host = await hostWithAccomplice(attacksBinary(runner))
    contract = createContract(await loadDriver('microvm'))
    neighbour = await startNeighbour(contract)
  })
  after(async () => contract?.stopAll())

  for (const { title, how, then } of hostilities) {
    test(`one that ${title} neither hangs, nor fills, nor disturbs`, async () => {
      const plan = contract.plan(['cat'])
      const earlier = { files: filesOf(host), memory: process.memoryUsage.rss() }
      const hostile = await start(host, plan, how)
      let exit: Exit | Error | undefined
      const ended = hostile.wall.exit.then(
        (end) => (exit = end),
        (error: unknown) => (exit = error instanceof Error ? error : new Error('no error')),
      )
      // Whoever has turned writes all the time; others are met while it does.
      for (let round = 0; round < 5; round++) assert.equal(await neighbour.ask(), `${round}\n`.slice(0, 0) + 'here\n')
      if (then === 'goes on') {
        await grown(hostile)
        assert.equal(exit, undefined, 'it ended by itself')
        await hostile.wall.stop(500).catch(() => undefined)
      }
      const end = await ended
      if (then === 'lost') assert.match(String(end), /CHANNEL_LOST|lost|sign of life|answer/, String(end))
      assert.ok(process.memoryUsage.rss() - earlier.memory < 256 * MiB, 'this process has grown')
      assert.deepEqual(filesOf(host), earlier.files, 'files are left')
      await eventually(() => (hasEnded(hostile.wall.pid) ? true : undefined))
      assert.equal(await neighbour.ask(), 'here\n')
    })
  }
})

async function start(host: MicrovmHost, plan: Plan, how: string): Promise<{ wall: Wall }> {
  const id = `gbx-hostile-${how}-${randomBytes(4).toString('hex')}`
  const wall = await startMicrovm(
    host,
    plan,
    {
      id,
      stdio: 'pipe',
      socket: undefined,
      egress: undefined,
      onActivity: () => undefined,
      onLimit: () => undefined,
    },
    new AbortController().signal,
  )
  return { wall }
}
