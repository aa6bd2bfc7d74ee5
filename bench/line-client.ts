import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { once } from 'node:events'

/** The thinnest MCP client there is: a line out, the line with its id back. What it costs is the same for every way. */
export class LineClient implements AsyncDisposable {
  readonly child: ChildProcess
  readonly #waiting = new Map<number, (line: string) => void>()
  #nextId = 1
  #said = ''
  #ended: string | undefined

  constructor(words: readonly string[], env: NodeJS.ProcessEnv) {
    const [program = '', ...args] = words
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
    this.child.stderr?.on('data', (chunk: Buffer) => (this.#said += chunk.toString()))
    if (this.child.stdout) createInterface({ input: this.child.stdout }).on('line', (line) => this.#receive(line))
    this.child.on('close', (code) => {
      this.#ended = `${program} ended (exit code ${code}): ${this.#said}`
      for (const settle of this.#waiting.values()) settle('')
    })
  }

  /** Sends a request and gives the line of its answer. */
  async request(method: string, params: Record<string, unknown> = {}): Promise<string> {
    const id = this.#nextId++
    const line = await new Promise<string>((resolve) => {
      this.#waiting.set(id, resolve)
      if (this.#ended === undefined) this.#send({ jsonrpc: '2.0', id, method, params })
      else resolve('')
    })
    if (line === '') throw new Error(this.#ended)
    if (line.includes('"error"')) throw new Error(`${method}: ${line}`)
    return line
  }

  async initialize(): Promise<void> {
    const clientInfo = { name: 'bench', version: '1.0.0' }
    await this.request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
    this.#send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'close')
    this.child.stdin?.end()
    await ended
  }

  #send(message: object): void {
    this.child.stdin?.write(`${JSON.stringify(message)}\n`)
  }

  #receive(line: string): void {
    const id = Number(/"id":(\d+)/.exec(line)?.[1] ?? -1)
    this.#waiting.get(id)?.(line)
    this.#waiting.delete(id)
  }
}
