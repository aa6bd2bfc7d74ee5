import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chownSync, copyFileSync, globSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Runner } from '../../support/as-user.ts'
import type { Household } from '../../support/launching.ts'
import { glovebox } from '../../support/mcp-client.ts'
import { inRole, marked, type Process } from '../orphans/processes.ts'
import type { newTraces } from '../orphans/traces.ts'

/** How long a role may take to be played, and what was killed to be gone: a machine starts in seconds on a busy host. */
const patienceMs = 120_000

export type RoundRole = 'cli' | 'daemon' | 'launcher' | 'init' | 'server' | 'qemu'

export interface Round {
  /** Who is killed. */
  readonly role: RoundRole
  readonly flags: readonly string[]
  /** The server. */
  readonly command: readonly string[]
  readonly marker: string
  readonly delayMs: number
}

/** A launch in which somebody is killed; after the next command nothing of it is there. */
export async function play(house: Household, { role, flags, command, marker, delayMs }: Round): Promise<void> {
  const { runner, env } = house
  const [program, ...words] = glovebox(runner, ['launch', ...flags, '--name', 'moody', '--', ...command, marker])
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
    const left = marked(marker).map(({ pid, parent, name, command: of }) => `  ${pid} (of ${parent}) ${name} ${of}`)
    assert.fail(`${role} after ${delayMs} ms (${flags.join(' ')}) left:\n${left.join('\n')}`)
  }
  assert.deepEqual(globSync(path.join(house.home, 'runtime/sandboxes-*/*')), [])
}

/** Undefined when the round was over before anybody played the role. */
async function find(house: Household, role: RoundRole, marker: string): Promise<number | undefined> {
  for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await pause(5)) {
    const processes = marked(marker)
    const pid = role === 'daemon' ? daemonOf(house) : playing(processes, role)?.pid
    if (pid !== undefined || processes.length === 0) return pid
    if (role !== 'daemon' && !processes.some(({ command }) => command.includes('glovebox.cjs'))) return undefined
  }
  throw new Error(`nobody played ${role} within ${patienceMs} ms`)
}

function playing(processes: readonly Process[], role: Exclude<RoundRole, 'daemon'>): Process | undefined {
  if (role === 'cli') return inRole(processes, 'glovebox')
  if (role === 'server') return processes.find(({ command }) => /^\S*node \S*moody-server/.test(command))
  if (role === 'qemu') return processes.find(({ command }) => command.includes('qemu-system-'))
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

/** What is in the place of what runs, directories apart. */
export function runtimeFiles({ home }: Household): string[] {
  return globSync(path.join(home, 'runtime/**'), { withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
}

/** A launcher with the marker in its path: it inherits no environment, and its plan comes by a pipe. */
export function named(t: TestContext, runner: Runner, marker: string): string {
  const directory = path.join(runner.tmp, 'launchers', marker)
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  const copy = path.join(directory, 'glovebox-inside')
  copyFileSync(runner.inside, copy)
  chownSync(copy, runner.uid, runner.gid)
  t.diagnostic(copy)
  return copy
}

/** The groups of a launcher that was killed are removed beside the next start. */
export async function reaped(house: Household, traces: () => ReturnType<typeof newTraces>): Promise<void> {
  const none = { mounts: [], files: [], cgroups: [] }
  for (const deadline = performance.now() + 15_000; performance.now() < deadline; await pause(200)) {
    house.ok('exec', '--', 'true')
    if (isDeepStrictEqual(traces(), none)) return
  }
  assert.deepEqual(traces(), none)
}

/** mulberry32: small, and the same everywhere. */
export function createRandom(from: number): () => number {
  let state = from >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
