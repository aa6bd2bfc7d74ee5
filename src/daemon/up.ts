import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { listServers, type ListedServer } from '../config/overview.ts'
import { readScopes } from '../config/scopes.ts'
import { findServer } from '../config/servers.ts'
import { hasTemplates, loadDriver } from '../drivers/registry.ts'
import { GloveboxError, messageOf } from '../errors.ts'
import type { LaunchRequest } from '../protocol/daemon.ts'
import type { Plan } from '../policy/plan.ts'
import { placedStart, provideFor, type PlacedFlags } from '../runtime/placed-start.ts'
import { places } from '../system/places.ts'
import type { DaemonClient } from './client.ts'
import { ensureDaemon } from './contact.ts'
import { launchEnvironment } from './environment.ts'
import { launchDigest } from './launch-digest.ts'

/** What became of one server. */
export type UpServer = { readonly name: string } & (
  | {
      readonly state: 'started' | 'running'
      readonly id: string
      readonly driver: string
      /** Null of one that ran already: nobody has asked it. */
      readonly tools: number | null
      /** The directory that it works in a copy of; null where it works in none. */
      readonly workspace: string | null
      readonly totalMs: number
    }
  /** It runs elsewhere: there is nothing to start. */
  | { readonly state: 'remote'; readonly url: string }
  | { readonly state: 'failed'; readonly error: GloveboxError }
)

export type UpFlags = Pick<PlacedFlags, 'config' | 'driver' | 'sync'>

export interface UpOptions {
  /** Relative ones, and that of `flags.config`, belong to our own working directory. */
  readonly directory: string
  readonly flags: UpFlags
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  readonly onProgress: (share: number) => void
}

/** A start takes a processor; more of them beside each other take longer, and no server sooner. */
const atOnce = 4

/**
 * Starts the enabled servers that hold in a directory, each on a copy of it, unless its configuration says otherwise. One that
 * fails is told, and stops no other.
 * @throws GloveboxError for what is wrong with the configuration as a whole, for a driver that is none, or when no server is enabled
 */
export async function bringUp(asked: UpOptions): Promise<{ directory: string; servers: UpServer[] }> {
  const options = withPaths(asked)
  const { directory, flags, env, signal, onProgress } = options
  // Wrong for all of them, it is said once.
  if (flags.driver !== undefined) await loadDriver(flags.driver)
  const scopes = await readScopes({ cwd: directory, places: places(env) }, flags.config)
  const enabled = listServers(scopes).filter(({ state }) => state === 'enabled')
  if (enabled.length === 0) throw nothingEnabled(directory)
  const found: UpServer[] = []
  const note = (server: UpServer): void => {
    found.push(server)
    onProgress(found.length / enabled.length)
  }
  const requests: LaunchRequest<Plan>[] = []
  // One after another: two that want the same image or package would build it twice.
  for (const server of enabled) {
    const prepared = await orFailure(server.name, signal, async () => prepareOne(server, options))
    if ('state' in prepared) note(prepared)
    else requests.push(prepared)
  }
  if (requests.length > 0) {
    const daemon = await ensureDaemon(env)
    const queue = requests.values()
    const work = async (): Promise<void> => {
      for (const request of queue) {
        note(await orFailure(request.name, signal, async () => launchOne(daemon, request, signal)))
      }
    }
    await Promise.all(Array.from({ length: atOnce }, work))
  }
  const order = new Map(enabled.map(({ name }, index) => [name, index]))
  const servers = found.toSorted((a, b) => (order.get(a.name) ?? 0) - (order.get(b.name) ?? 0))
  return { directory, servers }
}

/** The configuration is looked for in the directory, where relative paths would mean something else. */
function withPaths({ directory: given, flags, ...rest }: UpOptions): UpOptions {
  const directory = resolve(given)
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new GloveboxError('USAGE', `${given}: there is no such directory`, { fix: 'check the path' })
  }
  const { config } = flags
  return { ...rest, directory, flags: config === undefined ? flags : { ...flags, config: resolve(config) } }
}

/** What is launched, with all that it starts from there; packages are installed by the resolving. */
async function prepareOne(
  { name, url }: ListedServer,
  { directory, flags, env, signal }: UpOptions,
): Promise<LaunchRequest<Plan> | UpServer> {
  if (url !== undefined) return { name, state: 'remote', url }
  const from = { cwd: directory, env, verb: 'up' }
  const { policy } = await findServer(name, { ...from, config: flags.config })
  // A server that is up in its template was so before there was anything to work in.
  const isUpBefore = policy.template === 'server' && hasTemplates(flags.driver ?? policy.driver)
  // Its own word for where it works counts. The mode is said: a directory may be called "x:read".
  const workspace = policy.workspace === null && !isUpBefore ? { workspace: `${directory}:copy` } : {}
  const start = await placedStart([name], { ...flags, ...workspace }, from)
  await provideFor(start, signal)
  const { plan, placement, each, requestTimeMs } = start
  const secretsOf = [plan, ...Object.values(each).map((tool) => tool.plan)]
  return { name, plan, placement, each, requestTimeMs, env: launchEnvironment(secretsOf, env) }
}

async function launchOne(daemon: DaemonClient, request: LaunchRequest<Plan>, signal: AbortSignal): Promise<UpServer> {
  const { name, plan } = request
  const from = performance.now()
  const workspace = plan.workspace?.source ?? null
  const about = { name, workspace, driver: plan.driver }
  const before = await runningAs(daemon, request)
  if (before !== undefined) return { ...about, ...before, totalMs: performance.now() - from }
  try {
    const { status, tools, took } = await daemon.launch(request, signal)
    return { ...about, state: 'started', id: status.id, tools, totalMs: took.totalMs }
  } catch (error) {
    signal.throwIfAborted()
    // Somebody else may have started it meanwhile: a second `up`, for whom the daemon had ours wait.
    const meanwhile = await runningAs(daemon, request)
    if (meanwhile === undefined) throw error
    return { ...about, ...meanwhile, totalMs: performance.now() - from }
  }
}

/** @throws GloveboxError when something else runs by its name */
async function runningAs(
  daemon: DaemonClient,
  request: LaunchRequest<Plan>,
): Promise<{ readonly state: 'running'; readonly id: string; readonly tools: null } | undefined> {
  const { name } = request
  const running = (await daemon.list()).servers.filter((server) => server.name === name && server.state !== 'failed')
  const same = running.find(({ digest }) => digest === launchDigest(request))
  if (same !== undefined) return { state: 'running', id: same.id, tools: null }
  const [other] = running
  if (other !== undefined) throw differs(name, other.id)
  return undefined
}

/** @throws the signal's reason: who wants to end wants no more servers */
async function orFailure<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T | UpServer> {
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    const known =
      error instanceof GloveboxError ? error : new GloveboxError('INTERNAL', messageOf(error), { cause: error })
    return { name, state: 'failed', error: known }
  }
}

function nothingEnabled(directory: string): GloveboxError {
  return new GloveboxError('USAGE', `${directory}: no server is configured and enabled here`, {
    fix: 'add one (glovebox add NAME -- COMMAND, glovebox import FILE), or enable one (glovebox list)',
  })
}

/** Told, and not replaced: who launched it may be at work with it. */
function differs(name: string, id: string): GloveboxError {
  return new GloveboxError('FAILED', `it runs already as ${id}, and was launched with another policy or directory`, {
    fix: `glovebox stop ${name}, then this again`,
  })
}
