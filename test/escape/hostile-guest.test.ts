import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Wall } from '../../src/drivers/driver.ts'
import type { MicrovmHost } from '../../src/drivers/microvm/microvm-host.ts'
import { startMicrovm } from '../../src/drivers/microvm/start.ts'
import { loadDriver } from '../../src/drivers/registry.ts'
import { GloveboxError } from '../../src/errors.ts'
import { createContract, until, type Contract, type Started } from '../contract/context.ts'
import { hasEnded } from '../contract/processes.ts'
import { runners } from '../support/as-user.ts'
import { testMachines, whyNoMachines } from '../support/machines.ts'
import { unlessLong, unlessPresent } from '../support/requirement.ts'
import { hostWithAccomplice } from './guest/accomplice.ts'
import { attacksBinary } from './support/binaries.ts'

const missing = unlessPresent('QEMU', whyNoMachines()) || unlessLong('each hostile guest')
if (missing === false) await testMachines()

const MiB = 1024 ** 2

/**
 * What root in the guest does once the program runs (native/attacks/src/outside/hostile.rs), and what becomes of the sandbox: the host
 * ends it and says why; it ends itself and its last words are told; or it goes on until it is stopped.
 */
interface Hostility {
  readonly title: string
  readonly how: string
  readonly outcome: RegExp | 'goes on'
}

/** QEMU's console says it in the kernel's words. Firecracker has none, and ends with the exit code of a guest that stops. */
const panicked = /ended by itself: (?:[^]*(?:sysrq|Kernel panic)|the guest stopped by itself: its kernel panicked)/

/** These let the host wait: they are met together. */
const silent: readonly Hostility[] = [
  { title: 'begins a frame and never ends it', how: 'half', outcome: /no sign of life/ },
  { title: 'swallows all that the host says', how: 'silence', outcome: /no sign of life/ },
  { title: 'stops its init', how: 'frozen', outcome: /no sign of life/ },
  { title: 'sends a frame from far ahead', how: 'gap', outcome: /bytes between the sandbox and us were lost/ },
  { title: 'restarts', how: 'reboot', outcome: /ended/ },
  { title: 'panics', how: 'panic', outcome: panicked },
]
const strays = /bytes between the sandbox and us were lost|more than a megabyte/
const loud: readonly Hostility[] = [
  { title: 'writes noise without end to its port', how: 'noise', outcome: strays },
  { title: 'repeats a delivered frame without end', how: 'old', outcome: strays },
  { title: 'begins frame after frame and ends none', how: 'lies', outcome: strays },
  { title: 'welcomes the host without end, as another machine', how: 'welcome', outcome: strays },
  { title: 'writes without end to its console', how: 'console', outcome: 'goes on' },
]

suite('a hostile guest', { skip: missing }, () => {
  let host: MicrovmHost
  let contract: Contract
  let neighbour: Started
  before(async () => {
    const [runner] = runners()
    assert.ok(runner)
    host = await hostWithAccomplice(attacksBinary(runner))
    contract = createContract(await loadDriver('microvm'))
    neighbour = await contract.start(contract.plan(['cat']))
    // So that no file is new when the first of them is looked at.
    await (await start(host, contract, 'none')).stop(0)
  })
  after(async () => contract?.stopAll())

  /** Through all of it the sandbox beside answers. */
  const ask = async (): Promise<void> => {
    const answer = until(neighbour.stdio.stdout, 'here\n')
    neighbour.stdio.stdin.write('here\n')
    await answer
  }

  /** How it ended, after others were asked while it did what it does. */
  const live = async (wall: Wall, outcome: Hostility['outcome']): Promise<unknown> => {
    let end: unknown
    const ended = wall.exit.then(
      (exit) => (end = exit),
      (error: unknown) => (end = error),
    )
    // Each round takes a while.
    for (let round = 0; round < 20; round++) await ask()
    if (outcome === 'goes on') {
      assert.equal(end, undefined, `it ended by itself: ${JSON.stringify(end)}`)
      await wall.stop(500).catch(() => undefined) // its exit is looked at
    }
    await ended
    assert.ok(hasEnded(wall.pid), 'its VMM is still there')
    return end
  }

  const meet = async ({ how, outcome }: Hostility): Promise<void> => {
    const earlier = process.memoryUsage.rss()
    // On a busy host a guest may turn before its start has been told: then it is the start that fails, with the same reason.
    const end = await start(host, contract, how).then(
      async (wall) => live(wall, outcome),
      (error: unknown) => error,
    )
    if (outcome !== 'goes on') {
      assert.ok(end instanceof GloveboxError, `no reason: ${JSON.stringify(end)}`)
      assert.ok(end.code === 'CHANNEL_LOST' || end.code === 'NOT_STARTED', end.code)
      assert.match(end.message, outcome)
    }
    assert.ok(process.memoryUsage.rss() - earlier < 256 * MiB, 'this process has grown by what the guest wrote')
    await ask()
  }

  test(
    'those that are silent or end are ended, with the reason, and nothing waits for them',
    { concurrency: silent.length },
    async (t) => {
      const files = filesOf(host)
      await Promise.all(silent.map(async (each) => t.test(each.title, async () => meet(each))))
      assertSame(host, files)
    },
  )

  for (const each of loud) {
    test(`one that ${each.title} neither hangs nor fills the host, and disturbs nobody`, async () => {
      const files = filesOf(host)
      await meet(each)
      assertSame(host, files)
    })
  }
})

async function start(host: MicrovmHost, contract: Contract, how: string): Promise<Wall> {
  const options = {
    id: `gbx-hostile-${how}-${randomBytes(4).toString('hex')}`,
    stdio: 'pipe',
    socket: undefined,
    egress: undefined,
    onActivity: () => undefined,
    onLimit: () => undefined,
  } as const
  const wall = await startMicrovm(host, contract.plan(['cat']), options, new AbortController().signal)
  // What it started with is what it says; a stream that nobody reads holds up nothing here.
  wall.stdio?.stdin.on('error', () => undefined)
  return wall
}

/** All files of ours: consoles, templates, what is staged. */
function filesOf({ places }: MicrovmHost): { readonly names: readonly string[]; readonly bytes: number } {
  const names = [places.cache, places.data].flatMap((directory) =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => path.join(directory, name)),
  )
  return { names, bytes: names.reduce((sum, name) => sum + statSync(name).blocks * 512, 0) }
}

function assertSame(host: MicrovmHost, earlier: ReturnType<typeof filesOf>): void {
  const now = filesOf(host)
  assert.deepEqual(now.names, earlier.names)
  // Blocks are given to a file some time after it was written.
  assert.ok(now.bytes - earlier.bytes < MiB, `${now.bytes - earlier.bytes} bytes more on the disk`)
}
