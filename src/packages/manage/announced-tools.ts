import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { openAudit } from '../../audit/audit-log.ts'
import type { Driver } from '../../drivers/driver.ts'
import { createGuard } from '../../guard/guard.ts'
import { attachGuard, type GuardPipe } from '../../guard/pipe.ts'
import type { Announced, AnnouncedTool } from './tool-diff.ts'
import type { Plan } from '../../policy/plan.ts'
import type { Recorder } from '../../protocol/facts.ts'
import { places } from '../../system/places.ts'
import { version } from '../../version.ts'
import { newSandboxId, startSandbox, type Sandbox } from '../../runtime/sandbox.ts'

/** Pages of a list that are asked for: a server could go on for ever. */
const maxPages = 100

/**
 * Starts a server behind its wall, as `run` does, with the guard in between, asks for its tools, and ends it.
 * @throws when it does not start, ends, refuses, or has not said everything in `patienceMs`
 */
export async function announcedTools(options: { plan: Plan; driver: Driver; patienceMs: number }): Promise<Announced> {
  const { plan, driver, patienceMs } = options
  const id = newSandboxId()
  const audit = openAudit({ directory: places(process.env).audit, sandbox: id, server: plan.server })
  const late = AbortSignal.timeout(patienceMs)
  try {
    const { record } = audit
    const sandbox = await startSandbox({ id, plan, driver, record, stdio: 'pipe', signal: late })
    try {
      return await converse(sandbox, record, late)
    } finally {
      await sandbox.wall.stop(0)
      await sandbox.exit
    }
  } catch (error) {
    throw late.aborted ? new Error(`it said nothing of its tools in ${patienceMs / 1000} s`) : error
  } finally {
    audit.close()
  }
}

async function converse(sandbox: Sandbox, record: Recorder, late: AbortSignal): Promise<Announced> {
  const { stdio } = sandbox.wall
  if (stdio === undefined) throw new TypeError('the driver gave no pipes')
  const [toServer, fromServer] = [new PassThrough(), new PassThrough()]
  let said = ''
  stdio.stderr.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-4096)))
  // Every tool is wanted, those too that the policy would hide.
  const guard = createGuard({ record, limits: { messageBytes: sandbox.plan.messageBytes } })
  const pipe = attachGuard(guard, {
    clientIn: toServer,
    clientOut: fromServer,
    serverIn: stdio.stdin,
    serverOut: stdio.stdout,
  })
  const end = Promise.race([gone(sandbox, pipe, () => said), aborted(late)])
  const ask = asker(toServer, fromServer, end)
  const hello = await ask('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'glovebox', version },
  })
  toServer.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
  const instructions = typeof hello['instructions'] === 'string' ? hello['instructions'] : ''
  const hasTools = (hello['capabilities'] as { tools?: unknown } | undefined)?.tools !== undefined
  return { tools: hasTools ? await allTools(ask) : [], instructions }
}

type Ask = (method: string, params: object) => Promise<Readonly<Record<string, unknown>>>

async function allTools(ask: Ask): Promise<AnnouncedTool[]> {
  const tools: AnnouncedTool[] = []
  let cursor: unknown
  for (let page = 0; page < maxPages; page++) {
    const answer = await ask('tools/list', typeof cursor === 'string' ? { cursor } : {})
    const list = Array.isArray(answer['tools']) ? (answer['tools'] as Record<string, unknown>[]) : []
    // `_meta` is for programs, and no client shows it to a model (MCP, "General fields").
    tools.push(...list.map(({ name, _meta, ...about }) => ({ name: String(name), about })))
    cursor = answer['nextCursor']
    if (typeof cursor !== 'string') return tools
  }
  throw new Error(`its list of tools has more than ${maxPages} pages`)
}

/** One request after another; what the server asks in between is answered as by a client that can do nothing. */
function asker(toServer: PassThrough, fromServer: PassThrough, end: Promise<never>): Ask {
  let last = 0
  let settle: ((answer: Answer) => void) | undefined
  // Nobody may be waiting when the end comes.
  end.catch(() => undefined)
  createInterface({ input: fromServer }).on('line', (line) => {
    const message = JSON.parse(line) as Answer & { method?: string }
    if (message.method === undefined) {
      if (message.id === last) settle?.(message)
    } else if (message.id !== undefined) {
      const { id } = message
      const outcome = message.method === 'ping' ? { result: {} } : { error: { code: -32601, message: 'not here' } }
      toServer.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...outcome })}\n`)
    }
  })
  return async (method, params) => {
    const answered = new Promise<Answer>((resolve) => (settle = resolve))
    toServer.write(`${JSON.stringify({ jsonrpc: '2.0', id: ++last, method, params })}\n`)
    const { result, error } = await Promise.race([answered, end])
    if (result !== undefined) return result
    throw new Error(`${method}: ${error?.message ?? 'it answered nothing'}`)
  }
}

interface Answer {
  readonly id?: string | number
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly message?: string }
}

/** It ended by itself: with its last words, which usually say why. */
async function gone({ exit, endedBy }: Sandbox, pipe: GuardPipe, said: () => string): Promise<never> {
  const { code, signal } = await exit
  await pipe.serverEnded
  const how = endedBy() ?? (code === null ? `it was ended by signal ${signal}` : `it ended with exit code ${code}`)
  const words = said().trim().split('\n').at(-1) ?? ''
  throw new Error(words === '' ? how : `${how}: ${words}`)
}

async function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('too late')), { once: true }),
  )
}
