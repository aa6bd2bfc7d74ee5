import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Runner } from './as-user.ts'

/** A real MCP client (the SDK's) talking to `glovebox run …`, started as this runner. */
export interface Connected {
  readonly client: Client
  readonly stderr: () => string
  readonly close: () => Promise<void>
}

/** The command line of our own program for this runner. */
export function glovebox(runner: Runner, args: readonly string[]): [string, ...string[]] {
  return [runner.node, path.join(runner.root, 'bin/glovebox.cjs'), ...args]
}

/** Drops to the runner's identity by setpriv(1), since the SDK's transport starts the process itself. */
export function asIdentity(runner: Runner, command: readonly string[]): [string, ...string[]] {
  if (process.getuid?.() === runner.uid) return command as [string, ...string[]]
  return ['setpriv', '--reuid', `${runner.uid}`, '--regid', `${runner.gid}`, '--clear-groups', ...command]
}

export async function connect(runner: Runner, command: readonly string[]): Promise<Connected> {
  const [program, ...args] = asIdentity(runner, command)
  const transport = new StdioClientTransport({
    command: program,
    args,
    env: { ...runner.env },
    cwd: runner.home,
    stderr: 'pipe',
  })
  let stderr = ''
  transport.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const client = new Client({ name: 'test', version: '1.0.0' })
  await client.connect(transport)
  return { client, stderr: () => stderr, close: () => client.close() }
}

/** `glovebox …` with pipes, and its end. */
export function start(runner: Runner, args: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const [program, ...words] = glovebox(runner, args)
  const child = runner.spawn(program, words, { stdio: 'pipe' })
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    stdout,
    stderr,
  }))
  return { child, ended }
}

export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}
