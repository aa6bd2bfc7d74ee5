import { GloveboxError } from '../errors.ts'
import type { Plan } from '../policy/plan.ts'
import { parseCall, parseIdle, parseLaunch, paths, type DaemonInfo, type StopDaemonReply } from '../protocol/daemon.ts'
import type { Fleet } from './fleet.ts'
import type { Answerer, Exchange } from './http.ts'
import type { Launched, Request } from './launched.ts'

export interface RouteOptions {
  readonly fleet: Fleet
  readonly info: () => DaemonInfo
  /** How long it stays without anything to own, from now on. */
  readonly setIdle: (ms: number) => void
  /** Ends the daemon, once the answer is out. */
  readonly stop: (whenIdle: boolean) => StopDaemonReply
}

/** The API, path by path (`protocol/daemon.ts`). */
export function routes({ fleet, info, setIdle, stop }: RouteOptions): Answerer {
  return async (exchange) => {
    const { method, path } = exchange
    const word = `${method} ${path}`
    if (word === `GET ${paths.daemon}`) return info()
    if (word === `POST ${paths.daemon}`) {
      setIdle(await idleOf(exchange))
      return info()
    }
    if (word === `POST ${paths.stopDaemon}`) return stop(isWhenIdle(await exchange.body()))
    if (word === `GET ${paths.servers}`) return fleet.list()
    if (word === `POST ${paths.servers}`) return fleet.launch(await launchOf(exchange), exchange.signal)
    if (word === `POST ${paths.stopAll}`) return fleet.stopAll()
    const [, name = '', verb] = /^\/v1\/servers\/([^/]+)\/([a-z]+)$/.exec(path) ?? []
    const meant = decodeURIComponent(name)
    if (verb === 'stop' && method === 'POST') return fleet.stop(meant)
    if (verb === 'tools' && method === 'GET') return { tools: await fleet.find(meant).tools(exchange.signal) }
    if (verb === 'call' && method === 'POST') return call(fleet.find(meant), exchange)
    if (verb === 'log' && method === 'GET') return sendLog(fleet.find(meant), exchange)
    throw new GloveboxError('USAGE', `the daemon does not know ${word}`, {
      fix: 'end it, so that one of this version is started: glovebox daemon stop',
    })
  }
}

function isWhenIdle(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'whenIdle' in body && body.whenIdle === true
}

async function idleOf(exchange: Exchange): Promise<number> {
  const idleMs = parseIdle(await exchange.body())
  if (idleMs === undefined) throw new GloveboxError('USAGE', 'this is no idle time')
  return idleMs
}

async function launchOf(exchange: Exchange): Promise<Request> {
  const request = parseLaunch(await exchange.body())
  if (request === undefined) throw new GloveboxError('USAGE', 'this is not a launch')
  // A driver refuses what it does not know of a plan; the plan was resolved by a client of this version.
  return request as Request & { plan: Plan }
}

async function call(launched: Launched, exchange: Exchange): Promise<object> {
  const request = parseCall(await exchange.body())
  if (request === undefined) throw new GloveboxError('USAGE', 'this is not a call')
  const { tool, arguments: args, timeMs } = request
  return launched.call(tool, args, { timeMs, signal: exchange.signal })
}

/** What is in memory; with `follow`, what comes as well, until the server is stopped or the reader goes. */
async function sendLog({ log }: Launched, { response, query, signal }: Exchange): Promise<undefined> {
  response.writeHead(200, { 'content-type': 'application/octet-stream' })
  response.write(log.tail())
  if (query.get('follow') !== '1') {
    response.end()
    return
  }
  // A reader that does not read loses the middle, and never holds up the server.
  const stop = log.follow(
    (chunk) => {
      if (response.writableLength < 1024 ** 2) response.write(chunk)
    },
    () => void response.end(),
  )
  signal.addEventListener('abort', stop, { once: true })
}
