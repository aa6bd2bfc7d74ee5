import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { createPurses, type Purses } from '../audit/budget.ts'
import { GloveboxError, messageOf } from '../errors.ts'
import type { Plan } from '../policy/plan.ts'
import {
  wrongLaunchName,
  type LaunchReply,
  type ListReply,
  type StopReply,
  type ToolApart,
} from '../protocol/daemon.ts'
import { meansId } from '../protocol/sandbox-id.ts'
import { isUnsynced } from '../protocol/workspace.ts'
import { serve, type Served } from '../runtime/served.ts'
import { startable } from '../runtime/startable.ts'
import { aborted } from '../system/aborted.ts'
import type { Places } from '../system/places.ts'
import { launch, type Launched, type Request } from './launched.ts'
import { withDeadline } from './deadline.ts'
import { createLogFiles } from './log-file.ts'
import { createServerLog, type ServerLog } from './server-log.ts'
import type { State } from './state.ts'

/** All launched servers of this user. */
export interface Fleet {
  /** @throws GloveboxError USAGE for a name that is taken; whatever keeps it from starting */
  launch(request: Request, signal: AbortSignal): Promise<LaunchReply>
  /** By name or id. @throws GloveboxError USAGE */
  find(nameOrId: string): Launched
  list(): ListReply
  stop(nameOrId: string): Promise<StopReply>
  /** What is being started is ended, too, and has left nothing when this is done. */
  stopAll(): Promise<StopReply>
  /** From now on nothing is launched; what is being started is not wanted any more, and what runs is stopped. */
  close(): Promise<void>
  /** Launched, and about to be. */
  size(): number
}

export function createFleet({
  places,
  state,
  tell,
  onChange,
  startServed = startOne,
}: {
  readonly places: Places
  readonly state: State
  readonly tell: (line: string) => void
  readonly onChange: () => void
  readonly startServed?: StartOne
}): Fleet {
  const all = new Set<Launched>()
  const logFiles = createLogFiles()
  /** Names that are being started, until they are: a second start of one must not come between. Never rejected. */
  const starting = new Map<string, Promise<void>>()
  /** Launches under way, and what ends each of them; what runs already is ended politely instead. */
  const launches = new Map<Promise<unknown>, AbortController>()
  let isClosing = false

  /** All of it, the waiting for another start too. */
  async function startInTime(request: Request, signal: AbortSignal): Promise<LaunchReply> {
    const { name, startTimeMs: timeMs } = request
    if (timeMs === undefined) return start(request, signal)
    const late = (): GloveboxError =>
      new GloveboxError('TIMED_OUT', `the server "${name}" had not started and answered within ${timeMs / 1000} s`, {
        fix: `what it wrote: glovebox logs ${name}; give it more time: --timeout`,
      })
    return withDeadline({ timeMs, signal, late }, async (within) => start(request, within))
  }

  async function start(request: Request, signal: AbortSignal): Promise<LaunchReply> {
    const { name } = request
    refuseName(name)
    const isOneOfMany = request.placement.lifetime === 'session'
    // What came of that start is known then; of several who waited the first is the next to start.
    for (let earlier = starting.get(name); earlier !== undefined; earlier = starting.get(name)) {
      await Promise.race([earlier, aborted(signal)])
    }
    if (isClosing) throw ending()
    const before = named(name).find((other) => !isOneOfMany || other.request.placement.lifetime !== 'session')
    const isOver = before?.status().state === 'failed'
    if (before !== undefined && !isOver) throw taken(name, `runs already, as ${before.id()}`)
    // Before anything is waited for: the name is ours from here on.
    const isOverNow = Promise.withResolvers<void>()
    starting.set(name, isOverNow.promise)
    onChange()
    try {
      if (before !== undefined) await remove(before)
      return await begin(request, signal, isOneOfMany)
    } finally {
      starting.delete(name)
      isOverNow.resolve()
      onChange()
    }
  }

  async function begin(request: Request, signal: AbortSignal, isOneOfMany: boolean): Promise<LaunchReply> {
    const { name } = request
    const say = (line: string): void => tell(`${name}: ${line}`)
    // What `status` says of servers that have ended is worth no server that runs: the disk may be full.
    const noted = (note: () => void): void => {
      try {
        note()
      } catch (error) {
        say(`it could not be noted for glovebox status: ${messageOf(error)}`)
      }
    }
    const log = createServerLog(logFiles.open(join(places.state, 'logs', `${name}.log`), say))
    // One that ends and is started again has no more to record than one that stays.
    const purses = createPurses()
    try {
      const sibling = isOneOfMany ? poolFor(request) : undefined
      // One pool is enough for all launches of a server: it ends with the one that began it.
      const own = sibling === undefined ? request : { ...request, placement: { ...request.placement, pool: 0 } }
      const { launched, reply } = await launch(own, {
        pooled: sibling?.takeWaiting(),
        log,
        signal,
        start: async (apart, wanted, spare) => startServed({ request, apart, log, purses, signal: wanted, spare }),
        events: {
          onStarted: ({ id, startedMs }) =>
            noted(() => state.launched({ id, name, driver: request.plan.driver, startedMs })),
          onEnded: ({ id }, how) => noted(() => state.ended(id, how)),
          onOver: () => {
            all.delete(launched)
            onChange()
          },
          tell: say,
        },
      })
      if (signal.aborted) await launched.stop()
      signal.throwIfAborted()
      all.add(launched)
      return reply
    } catch (error) {
      log.close()
      throw error
    }
  }

  const named = (name: string): Launched[] => [...all].filter(({ request }) => request.name === name)

  /** An earlier launch of the same server that has a pool: the same plan, and the same secrets for it. */
  function poolFor({ name, plan, env }: Request): Launched | undefined {
    return named(name).find(
      ({ request }) => request.placement.pool > 0 && isDeepStrictEqual([request.plan, request.env], [plan, env]),
    )
  }

  function find(nameOrId: string): Launched {
    const exact = [...all].find((launched) => launched.id() === nameOrId)
    if (exact !== undefined) return exact
    const byName = named(nameOrId)
    const meant = byName.length > 0 ? byName : [...all].filter((one) => meansId(nameOrId, one.id()))
    const [only] = meant
    if (only !== undefined && meant.length === 1) return only
    if (only !== undefined) {
      throw new GloveboxError('USAGE', `${meant.length} launched servers could be meant by "${nameOrId}"`, {
        fix: `name one by its id: ${meant.map((one) => one.id()).join(', ')}`,
      })
    }
    const names = [...new Set([...all].map(({ request }) => request.name))]
    throw new GloveboxError('USAGE', `no server "${nameOrId}" is launched`, {
      fix: names.length === 0 ? `glovebox launch ${nameOrId} starts it` : `launched are: ${names.join(', ')}`,
    })
  }

  async function remove(launched: Launched): Promise<StopReply['stopped'][number]> {
    const stopped = { name: launched.request.name, id: launched.id() }
    const synced = await launched.stop()
    all.delete(launched)
    onChange()
    return { ...stopped, unsynced: isUnsynced(synced), workspace: synced ?? null }
  }

  /** Those that are being started, too: each ends what it has begun, and tells whoever asked for it why. */
  async function removeAll(why: GloveboxError): Promise<StopReply['stopped']> {
    for (const unwanted of launches.values()) unwanted.abort(why)
    const [stopped] = await Promise.all([Promise.all([...all].map(remove)), Promise.allSettled(launches.keys())])
    return stopped
  }

  return {
    async launch(request, signal) {
      const unwanted = new AbortController()
      const launching = startInTime(request, AbortSignal.any([signal, unwanted.signal]))
      launches.set(launching, unwanted)
      try {
        return await launching
      } finally {
        launches.delete(launching)
      }
    },
    find,
    list() {
      const servers = [...all].map((launched) => launched.status())
      const ended = state.recent().filter(({ name }) => named(name).length === 0)
      return { servers, ended }
    },
    stop: async (nameOrId) => ({ stopped: [await remove(find(nameOrId))] }),
    stopAll: async () => ({ stopped: await removeAll(stoppedEarly()) }),
    async close() {
      isClosing = true
      await removeAll(ending())
    },
    size: () => all.size + starting.size,
  }
}

/** Starts one more sandbox of a launch. */
type StartOne = (options: {
  readonly request: Request
  /** Of the server, or of one of its tools. */
  readonly apart: ToolApart<Plan>
  readonly log: ServerLog
  readonly purses: Purses
  readonly signal: AbortSignal
  readonly spare: boolean
}) => Promise<Served>

const startOne: StartOne = async ({ request: { name, env, startTimeMs }, apart, log, purses, signal, spare }) => {
  try {
    return await serve({
      ...(await startable(apart)),
      env,
      handshakeMs: startTimeMs,
      purses,
      signal,
      spare,
      onStderr(chunk) {
        log.write(chunk)
        return undefined
      },
    })
  } catch (error) {
    throw withLogs(error, name)
  }
}

/** Whoever launched it has not seen what it wrote. */
function withLogs(error: unknown, name: string): unknown {
  if (!(error instanceof GloveboxError) || !['NOT_STARTED', 'TIMED_OUT', 'FAILED'].includes(error.code)) return error
  const more = error.code === 'TIMED_OUT' ? '; give it more time: --timeout' : ''
  const logs = `what it wrote: glovebox logs ${name}${more}`
  return new GloveboxError(error.code, error.message, {
    fix: error.fix === undefined || more !== '' ? logs : `${logs}; ${error.fix}`,
    cause: error,
  })
}

function ending(): GloveboxError {
  return new GloveboxError('FAILED', 'the daemon was asked to end', { fix: 'launch it again: a new daemon is started' })
}

function stoppedEarly(): GloveboxError {
  return new GloveboxError('FAILED', 'all servers were asked to stop while it was being started', {
    fix: 'launch it again',
  })
}

function refuseName(name: string): void {
  const wrong = wrongLaunchName(name)
  if (wrong === undefined) return
  throw new GloveboxError('USAGE', `"${name}" cannot be the name of a launched server`, { fix: `--name: ${wrong}` })
}

function taken(name: string, how: string): GloveboxError {
  return new GloveboxError('USAGE', `the server "${name}" ${how}`, {
    fix: `give another name (--name), or stop it first: glovebox stop ${name}`,
  })
}
