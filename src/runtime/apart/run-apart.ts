import { createPurses } from '../../audit/budget.ts'
import { apartPolicy } from '../../config/layers/policy.ts'
import type { Start } from '../../config/start.ts'
import { exitCodes, GloveboxError } from '../../errors.ts'
import type { AskDesk } from '../../guard/ask-desk.ts'
import { createGuard } from '../../guard/guard.ts'
import { attachGuard, type GuardPipe } from '../../guard/pipe.ts'
import { toolIn } from '../../guard/tool-rules.ts'
import type { LockFlags } from '../../packages/program-of.ts'
import type { Plan } from '../../policy/plan.ts'
import type { ToolApart } from '../../protocol/daemon.ts'
import { isUnsynced } from '../../protocol/workspace.ts'
import { staySmall } from '../../system/stay-small.ts'
import { hasUntaken, whileTaken, type WhileTaken } from '../../system/while-taken.ts'
import { renderPublished } from '../../ui/published.ts'
import { attend, graceMs, type Attended } from '../attended.ts'
import { clientStreams } from '../client-streams.ts'
import { exitCodeOf } from '../exit-code.ts'
import { Interrupted } from '../interrupted.ts'
import { resolved, toolsApart } from '../placed-start.ts'
import { giveReceipt } from '../receipt-file.ts'
import { deskFor, interruption, tellUntaken, tellUser, type ServerOptions } from '../run-server.ts'
import { passServerStderr } from '../server-stderr.ts'
import { onEndingSignals } from '../signals.ts'
import { startable } from '../startable.ts'
import { untilAnswered } from '../until-answered.ts'
import { createFan, type Fan } from './fan.ts'

interface Apart {
  /** The sandbox of a tool by its name; undefined for one that runs in the shared sandbox. */
  readonly of: (tool: string) => ToolApart<Plan> | undefined
  /** The largest message that any of the sandboxes may send. */
  readonly messageBytes: number
}

/**
 * `run` with calls in sandboxes of their own (`lifetime: call`, `tools.each`): one sandbox talks to the client for as long as the
 * connection lives, and each such call gets a fresh one, which is gone before the client has the answer.
 */
export async function runApart(start: Start, flags: LockFlags, options: ServerOptions): Promise<number> {
  const interrupted = new AbortController()
  const release = onEndingSignals((signal) => interrupted.abort(new Interrupted(signal)))
  try {
    const apart = await apartFor(start, flags, options)
    return await converse(apart, options, { env: ownEnvironment(options.plan), signal: interrupted.signal })
  } catch (error) {
    if (error instanceof Interrupted) return error.exitCode
    throw error
  } finally {
    release()
  }
}

async function apartFor(start: Start, flags: LockFlags, { plan, requestTimeMs }: ServerOptions): Promise<Apart> {
  const each = await toolsApart(start, flags)
  const messageBytes = Math.max(plan.messageBytes, ...Object.values(each).map((tool) => tool.plan.messageBytes))
  if (start.placed.placement.lifetime !== 'call') return { of: (tool) => toolIn(each, tool), messageBytes }
  const own = { plan: (await resolved(start, apartPolicy(start.policy), flags)).plan, requestTimeMs }
  return { of: (tool) => toolIn(each, tool) ?? own, messageBytes }
}

/** With what secrets come from, for each start; what we start ourselves from now on does not inherit it. */
function ownEnvironment({ secrets }: Plan): NodeJS.ProcessEnv {
  const env = { ...process.env }
  for (const { from } of secrets) if (from.kind === 'env') delete process.env[from.at]
  return env
}

async function converse(
  apart: Apart,
  options: ServerOptions,
  { env, signal }: { readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<number> {
  const { json = false, plan } = options
  const client = clientStreams()
  const patience = whileTaken(client.output, { signal })
  const purses = createPurses()
  let desk: AskDesk | undefined
  let shared: Attended | undefined
  const fan = createFan({
    whileTaken: patience,
    isApart: (tool) => apart.of(tool) !== undefined,
    async start(tool, behind, wanted) {
      const own = apart.of(tool)
      if (own === undefined) throw new GloveboxError('INTERNAL', `no sandbox was planned for ${tool}`)
      const about = { ...(await startable(own)), env, signal: wanted, onStderr: passServerStderr, purses, spare: true }
      return attend(about, { ...behind, desk: async () => desk })
    },
  })
  try {
    shared = await attend(
      { ...options, env, signal, onStderr: passServerStderr, purses },
      {
        ...fan.shared,
        isRecorded: true,
        desk: async (record) => (desk = await deskFor(options, record)),
        onPublished: (sandbox, ports) =>
          void process.stderr.write(renderPublished(ports, { json, sandbox, server: plan.server })),
      },
    )
    await giveReceipt(shared.sandbox, options.receipt, json)
    const pipe = guardClient(shared, { fan, client, patience, desk, messageBytes: apart.messageBytes })
    staySmall()
    const first = await Promise.race([
      pipe.ended.then(({ side }) => side),
      shared.ended.then(() => 'server' as const),
      interruption(signal),
    ])
    if (first === 'client') {
      const over = Promise.race([shared.ended, interruption(signal)])
      await untilAnswered(pipe, { over, hasUntaken: () => hasUntaken(client.output), graceMs })
    }
    // Calls that are under way get as long to finish as the server that all share.
    let endedItself = true
    if (first === 'client') [, endedItself] = await Promise.all([fan.finish(graceMs), shared.stop()])
    else await Promise.all([fan.finish(0), first === 'interrupted' ? shared.sandbox.wall.stop(graceMs) : shared.stop()])
    const { exit, why, synced } = await shared.ended
    fan.end()
    await pipe.whileTaken(pipe.serverEnded, graceMs)
    await pipe.serverGone(why, graceMs)
    if (exit !== undefined) tellUser(shared.sandbox, exit, { spoke: shared.spoke(), json })
    signal.throwIfAborted()
    const isIncomplete = tellUntaken(client.output) || isUnsynced(synced) || fan.unsynced()
    const isOurs = first === 'client' && !endedItself
    const code = isOurs ? exitCodes.ok : exit === undefined ? exitCodes.failed : exitCodeOf(exit)
    return code || (isIncomplete ? exitCodes.failed : exitCodes.ok)
  } finally {
    await Promise.all([fan.finish(0), shared?.discard()])
    client.input.destroy()
    // What a client that does not read has not taken by now would keep us alive for ever.
    client.output.destroy()
  }
}

/**
 * The guard that the client speaks through: hidden tools, ids and the record of the conversation are its. Time limits are kept by
 * the guards behind it, since they differ by tool; so do the largest messages, which this one lets pass if any sandbox may send them.
 */
function guardClient(
  { sandbox, record }: Attended,
  options: {
    readonly fan: Fan
    readonly client: ReturnType<typeof clientStreams>
    readonly patience: WhileTaken
    readonly desk: AskDesk | undefined
    readonly messageBytes: number
  },
): GuardPipe {
  const { fan, client, patience, desk, messageBytes } = options
  const guard = createGuard({ record, tools: sandbox.plan.tools, limits: { messageBytes } })
  const pipe = attachGuard(guard, {
    ...fan.server,
    clientIn: client.input,
    clientOut: client.output,
    whileTaken: patience,
  })
  desk?.attach({ canAsk: () => guard.canAsk(), put: pipe.ask })
  return pipe
}
