import { openAudit } from '../audit/audit-log.ts'
import type { Driver, Exit } from '../drivers/driver.ts'
import { GloveboxError } from '../errors.ts'
import { createMcpConnection, type Answer, type JsonObject, type RequestOptions } from '../mcp/connection.ts'
import { shakeHands, type ServerSelf } from '../mcp/handshake.ts'
import { callTool, listTools, type Tool } from '../mcp/tools.ts'
import type { Plan } from '../policy/plan.ts'
import { places } from '../system/places.ts'
import type { ListeningPort } from './publish/listen.ts'
import { noticingDenials, type SeenDenial } from './denials.ts'
import { attachClient, settlesWithin, whyGone, type Guarded } from './guarded.ts'
import { withSecrets } from './open-secrets.ts'
import { recorderFor } from './recorder.ts'
import { newSandboxId, startSandbox, type Sandbox } from './sandbox.ts'

/** A server behind the wall and the guard, whose client we are ourselves. */
export interface Served {
  readonly id: string
  readonly plan: Plan
  readonly pid: number
  readonly self: ServerSelf
  readonly startedMs: number
  /** From the beginning of the start to the program, and to the answer to the handshake. */
  readonly took: { readonly sandboxMs: number; readonly handshakeMs: number }
  readonly calls: () => number
  readonly lastDenial: () => SeenDenial | undefined
  tools(options?: RequestOptions): Promise<Tool[]>
  /** How many it had when that was first asked. */
  countTools(options?: RequestOptions): Promise<number>
  call(tool: string, args: JsonObject, options?: RequestOptions): Promise<Answer>
  /** Settles when nothing of it is left, with the reason in words. Never rejects. */
  readonly ended: Promise<ServedEnd>
  /** Politely: the end of its input first. Idempotent. */
  stop(): Promise<void>
  /** At once: nothing of it is needed any more. */
  discard(): Promise<void>
  /** It waited ahead of need, and is found by its name from now on. */
  handOut(): void
  /** Its ports that this machine reaches. */
  readonly published: readonly ListeningPort[]
}

export interface ServedEnd {
  readonly exit: Exit | undefined
  readonly why: string
  /** Something that it did to a copied workspace could not be taken over. */
  readonly unsynced: boolean
}

export interface ServeOptions {
  readonly plan: Plan
  readonly driver: Driver
  readonly verify: (() => Promise<void>) | undefined
  /** The longest that one request may take, by the policy. */
  readonly requestTimeMs: number | undefined
  /** Whose variables secrets and proxies come from. */
  readonly env: NodeJS.ProcessEnv
  /** A start that is not wanted any more. */
  readonly signal: AbortSignal
  readonly onStderr: (chunk: Buffer) => void
  /** Its program runs, and is about to be spoken to. */
  readonly onStarted?: () => void
  /** Not the one that its name means: it waits in a pool, or is there for one call. */
  readonly spare?: boolean
}

/** How long a server may take until it has answered the handshake. */
const handshakeMs = 60_000
/** How long it may take to list its tools for the first time. */
const listMs = 60_000
/** How long it may take to end after its input has ended, or after a polite signal. */
const graceMs = 2000

/**
 * Starts a server and shakes hands with it.
 * @throws GloveboxError when it does not start or does not answer; nothing of it is left then
 */
export async function serve(options: ServeOptions): Promise<Served> {
  const { plan, env } = options
  if (plan.secrets.length === 0) return start(options, undefined)
  // A copy: the variables that are secrets are taken out of it, and the next start wants them too.
  return withSecrets(plan, { env: { ...env }, cwd: plan.command.cwd }, async (opened) =>
    start({ ...options, plan: opened.plan }, opened.secrets),
  )
}

async function start(
  { plan, driver, verify, requestTimeMs, env, signal, onStderr, onStarted, spare }: ServeOptions,
  secrets: Parameters<typeof recorderFor>[1],
): Promise<Served> {
  const id = newSandboxId()
  const from = performance.now()
  const audit = openAudit({ directory: places(process.env).audit, sandbox: id, server: plan.server })
  const { record, last } = noticingDenials(recorderFor(audit.record, secrets))
  let sandbox: Sandbox
  let published: readonly ListeningPort[] = []
  const onPublished = (ports: typeof published): void => void (published = ports)
  try {
    const about = { id, plan, driver, record, verify, secrets, env, signal, onPublished, spare }
    sandbox = await startSandbox({ ...about, stdio: 'pipe' })
  } catch (error) {
    audit.close()
    throw error
  }
  const sandboxMs = performance.now() - from
  onStarted?.()
  const startedMs = Date.now()
  const connection = createMcpConnection()
  const ended = Promise.withResolvers<ServedEnd>()
  let calls = 0
  let count: number | undefined
  let isWatched = false
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => (stopping ??= endPolitely(sandbox, () => connection.endInput()))
  const discard = async (): Promise<void> => {
    await sandbox.wall.stop(0).catch(() => undefined) // told by `ended`
    await ended.promise
  }
  try {
    const client = connection.streams
    const guarded = await attachClient(sandbox, { record, requestTimeMs, secrets, desk: undefined, client, onStderr })
    isWatched = true
    const watched = watch(sandbox, guarded, { stop, end: (reason) => connection.end(reason) })
    ended.resolve(watched.finally(() => audit.close()))
    const self = await shakeHandsOrTell()
    return {
      id,
      plan,
      pid: sandbox.wall.pid,
      self,
      startedMs,
      took: { sandboxMs, handshakeMs: performance.now() - from },
      calls: () => calls,
      lastDenial: last,
      tools: async (asked) => listTools(connection, self, asked),
      countTools: async (asked) => (count ??= (await listTools(connection, self, { timeMs: listMs, ...asked })).length),
      call: async (name, args, asked) => {
        calls++
        return callTool(connection, self, { name, args }, asked)
      },
      ended: ended.promise,
      stop: async () => {
        await stop()
        await ended.promise
      },
      discard,
      handOut: () => sandbox.announce(),
      published,
    }
  } catch (error) {
    if (!isWatched) ended.resolve(lost(sandbox).finally(() => audit.close()))
    await discard()
    throw error
  }

  /** A server that ends instead of answering is told as that. */
  async function shakeHandsOrTell(): Promise<ServerSelf> {
    let hasEnded = false
    const noteEnd = (): void => void (hasEnded = true)
    sandbox.wall.exit.then(noteEnd, noteEnd)
    try {
      return await shakeHands(connection, { timeMs: handshakeMs, signal })
    } catch (error) {
      // Its requests were answered for it when it had ended.
      if (!hasEnded || signal.aborted) throw error
      const { why } = await ended.promise
      throw new GloveboxError('NOT_STARTED', why, {
        cause: error,
        fix: 'see what it logs; what is no MCP server is started by glovebox exec',
      })
    }
  }
}

/** To the last process, and to the last answer. */
async function watch(
  sandbox: Sandbox,
  { pipe }: Guarded,
  { stop, end }: { stop: () => Promise<void>; end: (reason: string) => void },
): Promise<ServedEnd> {
  let unrecorded: string | undefined
  // Its messages can no longer be recorded, or it has closed its output: it serves nobody any more.
  pipe.ended.then(
    () => void stop(),
    (error: unknown) => {
      unrecorded = `its messages can no longer be recorded: ${String(error)}`
      void sandbox.wall.stop(0)
    },
  )
  let exit: Exit | undefined
  let why: string
  try {
    exit = await sandbox.wall.exit
    await settlesWithin(pipe.serverEnded, graceMs)
    why = unrecorded ?? whyGone(sandbox, exit)
  } catch (error) {
    why = `the sandbox of "${sandbox.plan.server}" was lost: ${error instanceof Error ? error.message : String(error)}`
  }
  await pipe.serverGone(why, graceMs)
  end(why)
  // Whoever waits for an answer has it. Now what it did to a copied workspace is taken over.
  await sandbox.exit.catch(() => undefined) // told above
  return { exit, why, unsynced: sandbox.unsynced() }
}

/** What no guard could be put before. */
async function lost({ exit }: Sandbox): Promise<ServedEnd> {
  await exit.catch(() => undefined) // what ended it is thrown to the caller
  return { exit: undefined, why: 'it was never reached', unsynced: false }
}

async function endPolitely(sandbox: Sandbox, endInput: () => void): Promise<void> {
  endInput()
  const settled = sandbox.wall.exit.then(
    () => undefined,
    () => undefined, // told by `ended`
  )
  if (await settlesWithin(settled, graceMs)) return
  await sandbox.wall.stop(graceMs).catch(() => undefined) // told by `ended`
}
