import { GloveboxError } from '../errors.ts'
import { toolIn } from '../guard/tool-rules.ts'
import { tooLate } from '../mcp/connection.ts'
import type { Tool } from '../mcp/tools.ts'
import type { CallReply } from '../protocol/daemon.ts'
import { meansId } from '../protocol/sandbox-id.ts'
import { placedStart, type PlacedFlags } from '../runtime/placed-start.ts'
import { serve, type Served } from '../runtime/served.ts'
import { passServerStderr } from '../runtime/server-stderr.ts'
import { startable } from '../runtime/startable.ts'
import { untilSignalled } from '../runtime/signals.ts'
import { places } from '../system/places.ts'
import type { DaemonClient } from './client.ts'
import { findOwnDaemon } from './contact.ts'
import { notThere, withDeadline } from './deadline.ts'
import { logOfEnded } from './print-log.ts'

export interface CallOptions {
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
  readonly timeMs: number
}

/** A call in the launched server of that name; without one, in a sandbox that is started for it and gone afterwards. */
export async function callServer(
  name: string,
  flags: PlacedFlags,
  { tool, args, timeMs }: CallOptions,
): Promise<CallReply> {
  const daemon = await launchedAs(name, flags)
  return untilSignalled(async (signal) => {
    if (daemon !== undefined) return daemon.call(name, { tool, arguments: args, timeMs }, signal)
    const start = await startFor(name, flags, tool)
    let isThere = false
    const late = (): GloveboxError => (isThere ? tooLate('tools/call', timeMs) : notThere(name, timeMs))
    return withDeadline({ timeMs, signal, late }, async (within) =>
      withServed(start, within, async (served) => {
        isThere = true
        const from = performance.now()
        const { result, error } = await served.call(tool, args, { signal: within })
        const about = { sandbox: served.id, fresh: true, ms: performance.now() - from }
        return error === undefined ? { ...about, result } : { ...about, error }
      }),
    )
  })
}

/** The tools of a server, found in the same way. */
export async function toolsOf(name: string, flags: PlacedFlags): Promise<readonly Tool[]> {
  const daemon = await launchedAs(name, flags)
  return untilSignalled(async (signal) => {
    if (daemon !== undefined) return (await daemon.tools(name, signal)).tools as readonly Tool[]
    return withServed(await startFor(name, flags), signal, async (served) => served.tools({ signal }))
  })
}

/** Of one that runs already. @throws GloveboxError USAGE where none is launched by that name */
export async function toolsOfLaunched(name: string): Promise<readonly Tool[]> {
  const daemon = await launchedAs(name, {})
  if (daemon === undefined) {
    throw new GloveboxError('USAGE', `no server "${name}" is launched`, {
      fix: `glovebox status shows what runs; without --launched ${name} is started for it`,
    })
  }
  return untilSignalled(async (signal) => (await daemon.tools(name, signal)).tools as readonly Tool[])
}

/** The daemon, where it has launched such a server. A file that is named is another configuration than the launched one's. */
async function launchedAs(name: string, flags: PlacedFlags): Promise<DaemonClient | undefined> {
  if (flags.config !== undefined) return undefined
  const daemon = await findOwnDaemon(places(process.env))
  if (daemon === undefined) return undefined
  const { servers } = await daemon.list()
  const isMeant = servers.some((server) => server.name === name || meansId(name, server.id))
  return isMeant ? daemon : undefined
}

type ServeStart = Omit<Parameters<typeof serve>[0], 'env' | 'signal' | 'onStderr'>

/** What is started for a configured server, or for one tool of it. Installs what it needs first, which no bound of a call counts. */
async function startFor(name: string, flags: PlacedFlags, tool?: string): Promise<ServeStart> {
  const start = await placedStart([name], flags, {
    cwd: process.cwd(),
    env: process.env,
    verb: tool === undefined ? 'tools' : 'call',
    servers: 'only',
  }).catch((error: unknown) => {
    throw explainEnded(error, name)
  })
  const own = tool === undefined ? undefined : toolIn(start.each, tool)
  return { ...start, ...(own !== undefined && (await startable(own))) }
}

/** What was launched without a configuration is nowhere once it has ended, but for what it wrote. */
function explainEnded(error: unknown, name: string): unknown {
  if (!(error instanceof GloveboxError) || error.code !== 'NOT_FOUND') return error
  if (logOfEnded(name, places(process.env)) === undefined) return error
  return new GloveboxError('NOT_FOUND', `the server "${name}" was launched, and has ended`, {
    fix: `what it wrote: glovebox logs ${name}; glovebox launch starts it again`,
    cause: error,
  })
}

async function withServed<T>(start: ServeStart, signal: AbortSignal, use: (served: Served) => Promise<T>): Promise<T> {
  const served = await serve({ ...start, env: process.env, signal, onStderr: passServerStderr })
  try {
    return await use(served)
  } finally {
    await served.discard()
  }
}
