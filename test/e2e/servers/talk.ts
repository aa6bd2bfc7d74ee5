import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Runner } from '../../support/as-user.ts'
import type { Call } from './catalog.ts'

/** The lines that answered, as they came. */
export interface Answers {
  readonly initialize: string
  /** One for each page. */
  readonly tools: readonly string[]
  readonly calls: readonly string[]
}

/** Speaks to a server in raw lines, so that what is compared is what came and not what a client makes of it. */
export async function talk(
  runner: Runner,
  command: readonly string[],
  env: Record<string, string>,
  calls: readonly Call[],
): Promise<Answers> {
  const [program = '', ...args] = command
  const child = runner.spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...runner.env, ...env } })
  const ended = once(child, 'exit')
  const ask = asker(child)
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  const initialize = await ask('initialize', params)
  child.stdin?.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
  const tools = await pages(ask)
  const answers: string[] = []
  for (const { tool, args: given } of calls) answers.push(await ask('tools/call', { name: tool, arguments: given }))
  child.stdin?.end()
  await ended
  return { initialize, tools, calls: answers }
}

type Ask = (method: string, params: object) => Promise<string>

function asker(child: ChildProcess): Ask {
  const { stdin, stdout, stderr } = child
  if (!stdin || !stdout || !stderr) throw new Error('asked for pipes and got none')
  let said = ''
  stderr.on('data', (data: Buffer) => (said += data.toString()))
  // Its end is told by the question that nobody answers.
  stdin.on('error', () => undefined)
  const waiting = new Map<unknown, { resolve: (line: string) => void; reject: (error: Error) => void }>()
  const lines = createInterface({ input: stdout, crlfDelay: Infinity })
  lines.on('line', (line) => {
    const message = JSON.parse(line) as { id?: unknown; method?: unknown }
    // Requests and notifications of the server's own are not what is compared: when they come is left to it.
    if (message.method === undefined) waiting.get(message.id)?.resolve(line)
  })
  lines.on('close', () => {
    for (const { reject } of waiting.values()) reject(new Error(`the server ended: ${said}`))
  })
  let last = 0
  return async (method, params) => {
    const id = ++last
    const answer = Promise.withResolvers<string>()
    waiting.set(id, answer)
    stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    return answer.promise
  }
}

async function pages(ask: Ask): Promise<string[]> {
  const found: string[] = []
  for (let cursor: string | undefined; found.length === 0 || cursor !== undefined;) {
    const page = await ask('tools/list', cursor === undefined ? {} : { cursor })
    found.push(page)
    cursor = (JSON.parse(page) as { result?: { nextCursor?: string } }).result?.nextCursor
  }
  return found
}
