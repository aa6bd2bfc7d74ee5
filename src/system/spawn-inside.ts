import { spawn, type ChildProcess } from 'node:child_process'
import type { Duplex, Readable, Writable } from 'node:stream'

/** A running glovebox-inside: the program's streams, and the two descriptors of the launcher's protocol. */
export interface InsideProcess {
  readonly pid: number
  readonly stdio: { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable } | undefined
  /** One JSON line with the plan, then commands. Its end tells the launcher that we are gone. */
  readonly plan: Writable
  /** JSON lines. */
  readonly status: Readable
  /** Settles when the launcher itself has ended and its streams are closed. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  kill(signal: NodeJS.Signals): void
}

const planFd = 3
const statusFd = 4

/**
 * Starts the launcher. It inherits an empty environment: what the program gets is in the plan.
 * @throws the system's error when the binary cannot be started
 */
export async function spawnInside(
  binary: string,
  args: readonly string[],
  stdio: 'pipe' | 'inherit',
): Promise<InsideProcess> {
  const child = spawn(binary, [...args, '--plan-fd', String(planFd), '--status-fd', String(statusFd)], {
    stdio: [stdio, stdio, stdio, 'pipe', 'pipe'],
    env: {},
    shell: false,
  })
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  await started(child)
  const [stdin, stdout, stderr] = [child.stdin, child.stdout, child.stderr]
  const plan = child.stdio[planFd] as Duplex
  const status = child.stdio[statusFd] as Duplex
  // At the child's exit Node reads away what waits in each stream of this list that nobody listens to yet: the last words
  // of a server that ends before its guard is loaded. The streams are ours from here on.
  const unread: unknown[] = child.stdio
  unread.length = 0
  // The launcher may be gone while we write: its exit status tells, the broken pipe adds nothing.
  plan.on('error', () => undefined)
  return {
    pid: child.pid ?? -1,
    stdio: stdin && stdout && stderr ? { stdin, stdout, stderr } : undefined,
    plan,
    status,
    ended,
    kill: (signal) => void child.kill(signal),
  }
}

async function started(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
}
