import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A server on stdio, spoken to by hand: what is tested is what comes over the pipe. */
export interface McpProcess extends AsyncDisposable {
  request(method: string, params: object): Promise<Answer>
  readonly stderr: () => string
  readonly pid: number
}

export interface Answer {
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code: number; readonly message: string }
}

/** Starts a command and does the handshake. @throws when it ends, or says nothing for so long */
export async function startMcp(
  command: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd: string; patienceMs: number },
): Promise<McpProcess> {
  const [file = '', ...args] = command
  const child = spawn(file, args, { env: options.env, cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] })
  const waiting = new Map<number, (answer: Answer) => void>()
  let [stderr, id] = ['', 0]
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // It may be gone while we write: that it ended is told by `ended`.
  child.stdin.on('error', () => undefined)
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as Answer & { id?: number }
    const resolve = answer.id === undefined ? undefined : waiting.get(answer.id)
    if (resolve === undefined || !('result' in answer || 'error' in answer)) return
    waiting.delete(answer.id ?? 0)
    resolve(answer)
  })

  async function request(method: string, params: object): Promise<Answer> {
    const own = ++id
    const answered = new Promise<Answer>((resolve) => waiting.set(own, resolve))
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: own, method, params })}\n`)
    const impatience = AbortSignal.timeout(options.patienceMs)
    const late = new Promise<never>((_, reject) => {
      impatience.addEventListener('abort', () =>
        reject(new Error(`${method}: no answer in ${options.patienceMs} ms; stderr: ${stderr.slice(-2000)}`)),
      )
    })
    const gone = ended.then((why): never => {
      throw new Error(`it ended with ${String(why)} before it answered ${method}; stderr: ${stderr.slice(-2000)}`)
    })
    return Promise.race([answered, late, gone])
  }

  async function end(): Promise<void> {
    child.stdin.end()
    const timer = setTimeout(() => child.kill('SIGTERM'), 1000)
    const last = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await ended
    clearTimeout(timer)
    clearTimeout(last)
  }

  const server: McpProcess = { request, stderr: () => stderr, pid: child.pid ?? -1, [Symbol.asyncDispose]: end }
  try {
    const clientInfo = { name: 'glovebox-test', version: '1' }
    const { error } = await request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo })
    if (error !== undefined) throw new Error(`initialize: ${error.message}; stderr: ${stderr.slice(-2000)}`)
    child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    return server
  } catch (error) {
    await end()
    throw error
  }
}
