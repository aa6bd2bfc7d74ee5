import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, copyFileSync, globSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { runners, type Runner } from '../../support/as-user.ts'
import { household, moody, type Household } from '../../support/launching.ts'
import { glovebox } from '../../support/mcp-client.ts'
import { isLong } from '../../support/requirement.ts'
import { inRole, marked, type Process } from '../orphans/processes.ts'
import { newTraces, tracesOn } from '../orphans/traces.ts'

// ORPHAN-0, for what the daemon owns. GLOVEBOX_SEED=n repeats the choices of a run.
const seed = Number(process.env['GLOVEBOX_SEED'] ?? randomInt(2 ** 31))
/** For each identity: together 100 in the long run. */
const rounds = isLong() ? 100 / runners().length : 10
const roles = ['cli', 'daemon', 'launcher', 'init', 'server'] as const
/** A launch takes about half of it: what starts, what runs and what is started again are all met. */
const longestDelayMs = 1200
const patienceMs = 30_000

for (const runner of runners()) {
  test(`ORPHAN-0: nothing is left of launched servers, whoever is killed and when (${runner.name}, ${rounds} rounds)`, async (t) => {
    t.diagnostic(`seed ${seed}`)
    const random = createRandom(seed)
    const choose = (below: number): number => Math.floor(random() * below)
    const before = tracesOn(runner)
    const marker = `${100_000 + choose(900_000)}.${100_000 + choose(900_000)}`
    const house = household(t, runner, { GLOVEBOX_INSIDE: named(t, runner, marker) })
    for (let round = 0; round < rounds; round++) {
      const role = roles[choose(roles.length)] ?? 'daemon'
      const flags = choose(2) === 0 ? [] : ['--lifetime', 'call', '--pool', '2']
      await play(house, { role, flags, marker, delayMs: choose(longestDelayMs) })
    }
    house.ok('daemon', 'stop')
    assert.deepEqual(
      globSync(path.join(house.home, 'runtime/**'), { withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map(({ name }) => name),
      ['daemon.lock'],
    )
    await reaped(house, () => newTraces(runner, before))
  })
}

interface Round {
  readonly role: (typeof roles)[number]
  readonly flags: readonly string[]
  readonly marker: string
  readonly delayMs: number
}

async function play(house: Household, { role, flags, marker, delayMs }: Round): Promise<void> {
  const { runner, env } = house
  const [program, ...words] = glovebox(runner, ['launch', ...flags, '--name', 'moody', '--', ...moody(runner), marker])
  const cli = runner.spawn(program, words, { stdio: 'ignore', env: { ...env } })
  const ended = once(cli, 'exit')
  await pause(delayMs)
  const victim = await find(house, role, marker)
  if (victim !== undefined) kill(victim)
  await ended
  // The next command: it ends what is still owned, and finds nothing else.
  house.ok('stop', '--all')
  house.ok('status')
  for (const deadline = performance.now() + patienceMs; marked(marker).length > 0; await pause(25)) {
    if (performance.now() < deadline) continue
    const left = marked(marker).map(({ pid, parent, command }) => `  ${pid} (of ${parent}) ${command}`)
    assert.fail(`${role} after ${delayMs} ms (${flags.join(' ')}) left:\n${left.join('\n')}`)
  }
  assert.deepEqual(globSync(path.join(house.home, 'runtime/sandboxes-*/*')), [])
}

/** Undefined when the round was over before anybody played the role. */
async function find(house: Household, role: Round['role'], marker: string): Promise<number | undefined> {
  for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await pause(5)) {
    const processes = marked(marker)
    const pid = role === 'daemon' ? daemonOf(house) : playing(processes, role)?.pid
    if (pid !== undefined || processes.length === 0) return pid
    if (role !== 'daemon' && !processes.some(({ command }) => command.includes('glovebox.cjs'))) return undefined
  }
  throw new Error(`nobody played ${role} within ${patienceMs} ms`)
}

function playing(processes: readonly Process[], role: Exclude<Round['role'], 'daemon'>): Process | undefined {
  if (role === 'cli') return inRole(processes, 'glovebox')
  if (role === 'server') return processes.find(({ command }) => /^\S*node \S*moody-server/.test(command))
  return inRole(processes, role)
}

function daemonOf(house: Household): number | undefined {
  const file = globSync(path.join(house.home, 'runtime/daemon.json'))
  return file.length === 0 ? undefined : house.pid()
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // It ended by itself between the look and the signal.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** A launcher with the marker in its path: it inherits no environment, and its plan comes by a pipe. */
function named(t: TestContext, runner: Runner, marker: string): string {
  const directory = path.join(runner.tmp, 'launchers', marker)
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  const copy = path.join(directory, 'glovebox-inside')
  copyFileSync(runner.inside, copy)
  chownSync(copy, runner.uid, runner.gid)
  t.diagnostic(copy)
  return copy
}

/** The groups of a launcher that was killed are removed beside the next start. */
async function reaped(house: Household, traces: () => ReturnType<typeof newTraces>): Promise<void> {
  const none = { mounts: [], files: [], cgroups: [] }
  for (const deadline = performance.now() + 15_000; performance.now() < deadline; await pause(200)) {
    house.ok('exec', '--', 'true')
    if (isDeepStrictEqual(traces(), none)) return
  }
  assert.deepEqual(traces(), none)
}

/** mulberry32: small, and the same everywhere. */
function createRandom(from: number): () => number {
  let state = from >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
