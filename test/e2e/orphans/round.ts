import { once } from 'node:events'
import { copyFileSync, mkdirSync, unlinkSync } from 'node:fs'
import path from 'node:path'
import type { Runner } from '../../support/as-user.ts'
import type { Process, Role } from './processes.ts'
import { inRole, marked, roles } from './processes.ts'

/** What happens to a sandbox in its prime, or before. */
export interface Round {
  readonly marker: string
  /** SIGKILL for whoever plays the role; or a polite end. */
  readonly act: Role | 'close' | 'SIGINT' | 'SIGTERM'
  /** After the client's start. */
  readonly delayMs: number
}

const acts = [...roles, 'close', 'SIGINT', 'SIGTERM'] as const
/** A warm start takes a third of it: both what starts and what runs is met. */
const longestDelayMs = 900
/** Two graces of two seconds each, and a machine that is busy with other rounds. */
const patienceMs = 30_000

export function planRounds(random: () => number, count: number): Round[] {
  return Array.from({ length: count }, () => {
    const digits = (): number => 100_000 + Math.floor(random() * 900_000)
    const act = acts[Math.floor(random() * acts.length)] ?? 'client'
    return { marker: `${digits()}.${digits()}`, act, delayMs: Math.floor(random() * longestDelayMs) }
  })
}

/** Plays one round and throws when something of it is left. */
export async function playRound(runner: Runner, round: Round): Promise<void> {
  const inside = named(runner, round.marker)
  const client = runner.spawn(runner.node, [path.join(runner.root, 'test/e2e/orphans/client.ts'), round.marker], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...runner.env, GLOVEBOX_INSIDE: inside },
  })
  let said = ''
  client.stderr?.on('data', (data: Buffer) => (said += data.toString()))
  const ended = once(client, 'exit')
  await pause(round.delayMs)
  await act(round)
  await allGone(round, () => said)
  await ended
  unlinkSync(inside)
}

/** A launcher with the marker in its path: it inherits no environment, and its plan comes by a pipe. */
function named(runner: Runner, marker: string): string {
  const directory = path.join(runner.tmp, 'launchers', marker)
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  const copy = path.join(directory, 'glovebox-inside')
  copyFileSync(runner.inside, copy)
  return copy
}

async function act({ act, marker }: Round): Promise<void> {
  if (act === 'close') return signal(await waitForRole(marker, 'client'), 'SIGUSR2')
  if (act === 'SIGINT' || act === 'SIGTERM') return signal(await waitForRole(marker, 'glovebox'), act)
  signal(await waitForRole(marker, act), 'SIGKILL')
  // A server outlives a child of its own: it is ended as servers are.
  if (act === 'child') signal(inRole(marked(marker), 'client'), 'SIGUSR2')
}

/** `undefined` when the round was over before anybody played the role. */
async function waitForRole(marker: string, role: Role): Promise<Process | undefined> {
  for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await pause(5)) {
    const processes = marked(marker)
    const found = inRole(processes, role)
    if (found !== undefined || processes.length === 0) return found
  }
  throw new Error(`nobody played ${role} within ${patienceMs} ms: ${describe(marked(marker))}`)
}

function signal(target: Process | undefined, name: NodeJS.Signals): void {
  if (target === undefined) return
  try {
    process.kill(target.pid, name)
  } catch (error) {
    // It ended by itself between the look and the signal.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

async function allGone(round: Round, said: () => string): Promise<void> {
  for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await pause(25)) {
    if (marked(round.marker).length === 0) return
  }
  const left = describe(marked(round.marker))
  throw new Error(`${round.act} after ${round.delayMs} ms left:\n${left}\nit said: ${said()}`)
}

function describe(processes: readonly Process[]): string {
  return processes.map(({ pid, parent, command }) => `  ${pid} (of ${parent}) ${command}`).join('\n')
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}
