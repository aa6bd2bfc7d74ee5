import { GloveboxError, messageOf } from '../errors.ts'
import { toolIn } from '../guard/tool-rules.ts'
import { tooLate, type Answer, type JsonObject } from '../mcp/connection.ts'
import type { Tool } from '../mcp/tools.ts'
import type { Plan } from '../policy/plan.ts'
import type { CallReply, LaunchReply, LaunchRequest, LaunchState, ServerStatus, ToolApart } from '../protocol/daemon.ts'
import type { SyncReport } from '../protocol/workspace.ts'
import { aborted } from '../system/aborted.ts'
import type { Served } from '../runtime/served.ts'
import { ownChildAbove, treeMemory } from '../system/tree-memory.ts'
import { createBackOff } from './back-off.ts'
import { notThere, withDeadline } from './deadline.ts'
import { pause } from './pause.ts'
import { launchDigest } from './launch-digest.ts'
import { createPool, type Pool } from './pool.ts'
import type { ServerLog } from './server-log.ts'

export type Request = LaunchRequest<Plan>

/** Starts one more sandbox: that of the server, or of one of its tools. `spare`: its name does not mean it. */
export type StartServed = (apart: ToolApart<Plan>, signal: AbortSignal, spare: boolean) => Promise<Served>

/** What somebody else wants to know of a launched server. */
export interface LaunchedEvents {
  /** It runs in this sandbox now. */
  readonly onStarted: (served: Served) => void
  /** The sandbox that it ran in is gone; `how` undefined: it was asked to. */
  readonly onEnded: (served: Served, how: string | undefined) => void
  /** All of it is over, without having been asked to. */
  readonly onOver: () => void
  readonly tell: (line: string) => void
}

/** One launched server, in whatever sandboxes its lifetime wants. */
export interface Launched {
  readonly request: Request
  readonly log: ServerLog
  /** That of its sandbox, or of the last one. */
  id(): string
  status(): ServerStatus
  call(tool: string, args: JsonObject, options: { timeMs: number; signal: AbortSignal }): Promise<CallReply>
  tools(signal: AbortSignal): Promise<Tool[]>
  /** One of its pool, which is not its own from then on. */
  takeWaiting(): Served | undefined
  /** Settles when nothing of it is left, with what became of a copied workspace. */
  stop(): Promise<SyncReport | undefined>
}

/** What a list of tools may take, each page of it, and what is waited for before. */
const toolsMs = 60_000

/**
 * Starts a server and returns when it has shaken hands.
 * @throws GloveboxError; nothing is left then
 */
export async function launch(
  request: Request,
  options: {
    readonly start: StartServed
    readonly log: ServerLog
    readonly events: LaunchedEvents
    readonly signal: AbortSignal
    /** One that waits already. */
    readonly pooled?: Served | undefined
  },
): Promise<{ launched: Launched; reply: LaunchReply }> {
  const { start, log, events } = options
  const { placement, plan, each } = request
  const from = performance.now()
  const isEachCall = placement.lifetime === 'call'
  const begunMs = Date.now()
  const digest = launchDigest(request)
  const first = options.pooled ?? (await start(request, options.signal, isEachCall))
  let tools: number
  try {
    tools = await first.countTools({ signal: options.signal })
  } catch (error) {
    await first.discard()
    throw error
  }
  const over = new AbortController()
  const backOff = createBackOff()
  let current: Served | undefined = isEachCall ? undefined : first
  let last = first
  /** It answers nobody any more, and is not gone yet. */
  let leaving: Served | undefined
  let state: LaunchState = isEachCall ? 'ready' : 'running'
  let why: string | null = null
  let [restarts, calls, underWay] = [0, 0, 0]
  let idling: NodeJS.Timeout | undefined
  let restarted = Promise.withResolvers<void>()
  const pool = poolOf(options.pooled === undefined && isEachCall ? first : undefined)
  /** Those of calls, and one that has only just started: whoever stops the server discards them. */
  const fresh = new Set<Served>()
  /** What is being started, for calls and for the one that ended: who stops the server waits until that is undone. */
  const starting = new Set<Promise<unknown>>()

  if (isEachCall) {
    if (pool === undefined) await first.discard()
  } else {
    first.handOut()
    events.onStarted(first)
    void watch(first)
  }
  waitForWork()

  const launched: Launched = {
    request,
    log,
    id: () => last.id,
    status,
    async call(tool, args, { timeMs, signal }) {
      const own = toolIn(each, tool)
      const at = performance.now()
      let isThere = false
      const late = (): GloveboxError => (isThere ? tooLate('tools/call', timeMs) : notThere(request.name, timeMs))
      const answered = async (served: Served, isFresh: boolean, within: AbortSignal): Promise<CallReply> => {
        isThere = true
        return reply(served, isFresh, at, await served.call(tool, args, { signal: within }))
      }
      return working(async () =>
        withDeadline({ timeMs, signal, late }, async (within) => {
          calls++
          if (own === undefined && !isEachCall) return answered(await live(within), false, within)
          const served = await another(own, within)
          try {
            return await answered(served, true, within)
          } finally {
            fresh.delete(served)
            await served.discard()
          }
        }),
      )
    },
    tools: async (signal) =>
      working(async () => {
        if (!isEachCall) {
          const late = (): GloveboxError => notThere(request.name, toolsMs)
          const served = await withDeadline({ timeMs: toolsMs, signal, late }, live)
          return served.tools({ signal, timeMs: toolsMs })
        }
        const served = await another(undefined, signal)
        try {
          return await served.tools({ signal, timeMs: toolsMs })
        } finally {
          fresh.delete(served)
          await served.discard()
        }
      }),
    takeWaiting: () => pool?.take(),
    stop,
  }
  const { sandboxMs, handshakeMs } = first.took
  const took = { sandboxMs, handshakeMs, totalMs: performance.now() - from }
  const published = isEachCall ? [] : first.published.map(({ address, port, inside }) => ({ address, port, inside }))
  return { launched, reply: { status: status(), tools, took, fromPool: options.pooled !== undefined, published } }

  function poolOf(ready: Served | undefined): Pool | undefined {
    if (placement.pool === 0) return undefined
    return createPool({
      size: placement.pool,
      ready,
      start: async (signal) => start(request, signal, true),
      tell: events.tell,
    })
  }

  /** Of its own, for one call: out of the pool where its plan is the pool's. */
  async function another(own: ToolApart<Plan> | undefined, signal: AbortSignal): Promise<Served> {
    const waiting = own === undefined ? pool?.take() : undefined
    if (waiting === undefined) return begin(own ?? request, AbortSignal.any([signal, over.signal]), true)
    fresh.add(waiting)
    return waiting
  }

  /** @throws what keeps it from starting, and that it was stopped meanwhile; nothing is left then */
  async function begin(apart: ToolApart<Plan>, signal: AbortSignal, isSpare: boolean): Promise<Served> {
    const beginning = start(apart, signal, isSpare).then(async (served) => {
      if (over.signal.aborted) await served.discard()
      over.signal.throwIfAborted()
      // At once: a moment later somebody may stop the server, who would see neither a start nor what came of it.
      fresh.add(served)
      return served
    })
    starting.add(beginning)
    try {
      return await beginning
    } finally {
      starting.delete(beginning)
    }
  }

  /** The shared one; while it is being started again, that is waited for. */
  async function live(signal: AbortSignal): Promise<Served> {
    if (current !== undefined) return current
    if (state === 'restarting') {
      await Promise.race([restarted.promise, aborted(AbortSignal.any([signal, over.signal]))])
    }
    if (current !== undefined) return current
    throw new GloveboxError('FAILED', `the server "${request.name}" is not running: ${why ?? state}`, {
      fix: `see its log: glovebox logs ${request.name}; start it again: glovebox launch ${request.name}`,
    })
  }

  async function watch(served: Served): Promise<void> {
    await served.leaving
    // From here on who calls waits for the next; nothing that it is sent would be answered.
    current = undefined
    leaving = served
    if (!over.signal.aborted) state = 'restarting'
    restarted = Promise.withResolvers<void>()
    const end = await served.ended
    leaving = undefined
    why = end.why
    events.onEnded(served, over.signal.aborted ? undefined : end.why)
    if (!over.signal.aborted) await restart(Date.now() - served.startedMs)
  }

  async function restart(livedMs: number): Promise<void> {
    for (let lived = livedMs; !over.signal.aborted; lived = 0) {
      const delay = backOff.next(lived)
      if (delay === undefined) {
        state = 'failed'
        events.tell(`it is given up: ${why}`)
        restarted.resolve()
        return
      }
      events.tell(`${why}; it is started again in ${delay} ms`)
      await pause(delay, over.signal)
      if (over.signal.aborted) return
      try {
        const served = pool?.take() ?? (await begin(request, over.signal, false))
        fresh.delete(served)
        if (over.signal.aborted) return await served.discard()
        served.handOut()
        restarts++
        current = last = served
        state = 'running'
        why = null
        events.onStarted(served)
        void watch(served)
        restarted.resolve()
        return
      } catch (error) {
        why = messageOf(error)
      }
    }
  }

  async function working<T>(work: () => Promise<T>): Promise<T> {
    underWay++
    clearTimeout(idling)
    try {
      return await work()
    } finally {
      underWay--
      waitForWork()
    }
  }

  function waitForWork(): void {
    clearTimeout(idling)
    if (placement.idleMs === undefined || underWay > 0 || over.signal.aborted) return
    idling = setTimeout(() => {
      events.tell(`it had no request for ${(placement.idleMs ?? 0) / 1000} s, and is stopped`)
      void stop().then(events.onOver)
    }, placement.idleMs)
    idling.unref()
  }

  function status(): ServerStatus {
    const denial = last.lastDenial()
    const memory = current === undefined ? undefined : treeMemory(ownChildAbove(current.pid))
    const { name, version, protocolVersion, era } = last.self
    return {
      name: request.name,
      id: last.id,
      driver: plan.driver,
      state,
      lifetime: placement.lifetime,
      startedMs: current?.startedMs ?? begunMs,
      restarts,
      calls,
      memoryBytes: memory ?? null,
      pool: { wanted: placement.pool, ready: pool?.ready() ?? 0 },
      lastDenial: denial ?? null,
      digest,
      why,
      server: { name, version, protocolVersion, era },
    }
  }

  async function stop(): Promise<SyncReport | undefined> {
    over.abort(new GloveboxError('FAILED', `the server "${request.name}" was stopped`))
    clearTimeout(idling)
    const left = current ?? leaving
    await Promise.all([
      left?.stop(),
      pool?.close(),
      Promise.allSettled(starting),
      ...[...fresh].map(async (one) => one.discard()),
    ])
    log.close()
    return (await left?.ended)?.synced
  }
}

function reply(served: Served, isFresh: boolean, from: number, answer: Answer): CallReply {
  const { result, error } = answer
  const about = { sandbox: served.id, fresh: isFresh, ms: performance.now() - from }
  return error === undefined ? { ...about, result } : { ...about, error }
}
