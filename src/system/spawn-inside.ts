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
  const { child, ...inside } = await launch(binary, args, [stdio, stdio, stdio])
  const [stdin, stdout, stderr] = child
  return { ...inside, stdio: stdin && stdout && stderr ? { stdin, stdout, stderr } : undefined }
}

/** A glovebox-inside whose program speaks on its descriptors 1 and 2: each is one end of a pair of sockets, and we have the other. */
export interface SocketsProcess extends Omit<InsideProcess, 'stdio'> {
  readonly sockets: readonly [Duplex, Duplex]
}

/**
 * The same with a file, or nothing, to read from, and two streams for both directions.
 * @param input an open file, which stays the caller's
 */
export async function spawnOnSockets(
  binary: string,
  args: readonly string[],
  input: number | 'ignore',
): Promise<SocketsProcess> {
  // A pipe of Node's is a pair of sockets (libuv, uv_spawn), whose streams are made to be read and written.
  const { child, ...inside } = await launch(binary, args, [input, 'pipe', 'pipe'])
  return { ...inside, sockets: [child[1] as Duplex, child[2] as Duplex] }
}

type Launched = Omit<InsideProcess, 'stdio'> & {
  readonly child: readonly [Writable | null, Readable | null, Readable | null]
}

async function launch(
  binary: string,
  args: readonly string[],
  stdio: readonly ('pipe' | 'inherit' | 'ignore' | number)[],
): Promise<Launched> {
  const child = spawn(binary, [...args, '--plan-fd', String(planFd), '--status-fd', String(statusFd)], {
    stdio: [...stdio, 'pipe', 'pipe'],
    env: {},
    shell: false,
  })
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  await started(child)
  const { stdin, stdout, stderr } = child
  const plan = child.stdio[planFd] as Duplex
  const status = child.stdio[statusFd] as Duplex
  // At the child's exit Node reads away what waits in each stream of this list that nobody listens to yet: the last words
  // of a server that ends before its guard is loaded. The streams are ours from here on.
  const unread: unknown[] = child.stdio
  unread.length = 0
  // The launcher may be gone while we write: its exit status tells, the broken pipe adds nothing.
  plan.on('error', () => undefined)
  return {
    child: [stdin, stdout, stderr],
    pid: child.pid ?? -1,
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
