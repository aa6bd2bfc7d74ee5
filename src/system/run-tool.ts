import { spawn } from 'node:child_process'
import { killTree } from './kill-tree.ts'

export interface ToolCall {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly signal?: AbortSignal | undefined
  /** What it may print on stdout before it is ended, default 64 MiB. */
  readonly maxBytes?: number
  /** Each line of stderr as it comes, for work that tells how far it is. */
  readonly onLine?: (line: string) => void
}

export interface ToolResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  /** The last 64 KiB. */
  readonly stderr: string
}

/**
 * Runs a tool of the user's (npm, pip, an interpreter) to its end, without a shell and without our stdin.
 * @throws the abort reason, or the system's error when it cannot be started
 */
export async function runTool(call: ToolCall): Promise<ToolResult> {
  call.signal?.throwIfAborted()
  const limit = call.maxBytes ?? 64 * 1024 ** 2
  const child = spawn(call.file, call.args, {
    cwd: call.cwd,
    env: call.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: false,
  })
  // pip installs in a child of its own, which would keep our end of its output open.
  const kill = (): void => {
    const isRunning = child.exitCode === null && child.signalCode === null
    if (child.pid !== undefined && isRunning) killTree(child.pid)
  }
  call.signal?.addEventListener('abort', kill, { once: true })
  const out: Buffer[] = []
  let [bytes, err] = [0, '']
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > limit) kill()
    else out.push(chunk)
  })
  let line = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err = (err + text).slice(-64 * 1024)
    if (call.onLine === undefined) return
    const lines = (line + text).split('\n')
    line = (lines.pop() ?? '').slice(-4096)
    for (const each of lines) call.onLine(each)
  })
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code: number | null, signal: NodeJS.Signals | null) => resolve([code, signal]))
    })
    call.signal?.throwIfAborted()
    if (bytes > limit) throw new Error(`${call.file} printed more than ${limit} bytes`)
    return { code, signal, stdout: Buffer.concat(out).toString('utf8'), stderr: err }
  } finally {
    call.signal?.removeEventListener('abort', kill)
  }
}
