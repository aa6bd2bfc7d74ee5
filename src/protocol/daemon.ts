import type { SyncReport } from './workspace.ts'

/**
 * What the daemon is asked, and what it answers: JSON over HTTP on a Unix socket, between processes of one user and of one
 * version. Only `GET /v1/daemon` and `POST /v1/daemon/stop` are kept as they are for ever: by them a client finds out that
 * the daemon is of another version, and asks it to end.
 */
export interface DaemonInfo {
  readonly schema: 'glovebox/daemon/1'
  readonly version: string
  readonly pid: number
  readonly startedMs: number
  /** After so long without anything to own it ends. */
  readonly idleMs: number
  /** Launched servers that it owns. */
  readonly servers: number
}

/** How the daemon is found: a file that only its user reads, beside the socket. */
export interface DaemonFile {
  readonly schema: 'glovebox/daemon-file/1'
  readonly pid: number
  /** When that process began: another may have its number by now. */
  readonly begun: string
  readonly socket: string
  /** Who can say it could read the file. */
  readonly token: string
}

export interface StopDaemonRequest {
  /** End only when nothing is owned: how a client of another version asks. */
  readonly whenIdle: boolean
}

export interface StopDaemonReply {
  readonly stopping: boolean
  /** What is ended with it, or what keeps it from ending. */
  readonly servers: readonly string[]
}

export type Lifetime = 'shared' | 'session' | 'call'

/** How large a pool may be. */
export const mostPooled = 1000

/** Where and when sandboxes are placed; says nothing about what they may do. */
export interface Placement {
  readonly lifetime: Lifetime
  /** Started and initialised ahead of need. */
  readonly pool: number
  /** After so long without a request it is stopped. */
  readonly idleMs: number | undefined
}

/** How the sandbox of one tool differs from that of its server. */
export interface ToolApart<Plan> {
  readonly plan: Plan
  /** The longest that a call of it may take. */
  readonly requestTimeMs: number | undefined
}

/** `Plan` is the policy's: this room knows nothing of it. */
export interface LaunchRequest<Plan> {
  readonly name: string
  readonly plan: Plan
  readonly placement: Placement
  /** Tools that run in a fresh sandbox for each call. */
  readonly each: Readonly<Record<string, ToolApart<Plan>>>
  readonly requestTimeMs: number | undefined
  /** How long it may take until it has started and answered the handshake; undefined: what is usual. */
  readonly startTimeMs?: number | undefined
  /** Variables for secrets and proxies, for this launch: kept in memory as long as it runs, and written nowhere. */
  readonly env: Readonly<Record<string, string>>
}

export type LaunchState = 'running' | 'restarting' | 'failed' | 'ready'

/** A launched server as it is now. What the server says of itself is hostile text. */
export interface ServerStatus {
  readonly name: string
  /** Of the sandbox that it runs in; of the last one while there is none. */
  readonly id: string
  readonly driver: string
  readonly state: LaunchState
  readonly lifetime: Lifetime
  readonly startedMs: number
  readonly restarts: number
  readonly calls: number
  /** Of all its processes, shared pages in proportion; null where nobody may ask. */
  readonly memoryBytes: number | null
  readonly pool: { readonly wanted: number; readonly ready: number }
  readonly lastDenial: { readonly atMs: number; readonly what: string; readonly rule: string } | null
  /** SHA-256 over its command, policy and placement: equal where it was launched with the same. */
  readonly digest: string
  /** Why it is not running, if it is not. */
  readonly why: string | null
  readonly server: {
    readonly name: string
    readonly version: string
    readonly protocolVersion: string
    readonly era: 'session' | 'stateless'
  } | null
}

export interface LaunchReply {
  readonly status: ServerStatus
  readonly tools: number
  /** From the request to the program, and to the answer to the handshake. */
  readonly took: { readonly sandboxMs: number; readonly handshakeMs: number; readonly totalMs: number }
  readonly fromPool: boolean
  /** Ports of this machine that lead to it; a fresh sandbox for each call has none that lasts. */
  readonly published: readonly { readonly address: string; readonly port: number; readonly inside: number }[]
}

/** One that ended without being asked to. */
export interface EndedServer {
  readonly name: string
  readonly id: string
  readonly startedMs: number
  /** Null where nobody saw when: the daemon was killed. */
  readonly endedMs: number | null
  readonly how: string
}

export interface ListReply {
  readonly servers: readonly ServerStatus[]
  /** The latest of each name that does not run now. */
  readonly ended: readonly EndedServer[]
}

export interface CallRequest {
  readonly tool: string
  readonly arguments: Readonly<Record<string, unknown>>
  readonly timeMs: number
}

/** Exactly one of `result` and `error` is there. */
export interface CallReply {
  readonly sandbox: string
  /** It ran in a sandbox of its own, which is gone. */
  readonly fresh: boolean
  readonly ms: number
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

export interface ToolsReply {
  readonly tools: readonly Readonly<Record<string, unknown>>[]
}

export interface StopReply {
  readonly stopped: readonly {
    readonly name: string
    readonly id: string
    /** Something that it did to a copied workspace could not be taken over, and is kept. */
    readonly unsynced: boolean
    /** What became of that copy; null where there was none. */
    readonly workspace: SyncReport | null
  }[]
}

/** What `daemon stop` has done. */
export interface DaemonStopped extends StopReply {
  readonly wasRunning: boolean
  readonly servers: readonly string[]
}

/** The body of every answer that is not 2xx. */
export interface FailureReply {
  readonly error: { readonly code: string; readonly message: string; readonly fix?: string }
}

export const paths = {
  /** GET: `DaemonInfo`. POST of `{ idleMs }`: the same, with that idle time from now on. */
  daemon: '/v1/daemon',
  stopDaemon: '/v1/daemon/stop',
  servers: '/v1/servers',
  stopAll: '/v1/servers/stop',
  server: (name: string, verb: 'stop' | 'tools' | 'call' | 'log'): string =>
    `/v1/servers/${encodeURIComponent(name)}/${verb}`,
} as const

/** Undefined for what is no such file: half written, or of another version. */
export function parseDaemonFile(text: string): DaemonFile | undefined {
  const file = parse(text)
  const sound =
    file?.['schema'] === 'glovebox/daemon-file/1' &&
    Number.isSafeInteger(file['pid']) &&
    ['begun', 'socket', 'token'].every((key) => typeof file[key] === 'string')
  return sound ? (file as unknown as DaemonFile) : undefined
}

/** Undefined for what is no launch. What of the plan a driver reads, it checks. */
export function parseLaunch(body: unknown): LaunchRequest<unknown> | undefined {
  if (!isObject(body)) return undefined
  const { name, plan, placement, each, requestTimeMs, startTimeMs, env } = body
  const sound =
    typeof name === 'string' &&
    isObject(plan) &&
    isObject(placement) &&
    typeof placement['lifetime'] === 'string' &&
    ['shared', 'session', 'call'].includes(placement['lifetime']) &&
    Number.isSafeInteger(placement['pool']) &&
    isOptionalNumber(placement['idleMs']) &&
    isObject(each) &&
    Object.values(each).every(
      (tool) => isObject(tool) && isObject(tool['plan']) && isOptionalNumber(tool['requestTimeMs']),
    ) &&
    isOptionalNumber(requestTimeMs) &&
    isOptionalNumber(startTimeMs) &&
    isObject(env) &&
    Object.values(env).every((value) => typeof value === 'string')
  return sound ? (body as unknown as LaunchRequest<unknown>) : undefined
}

export function parseCall(body: unknown): CallRequest | undefined {
  if (!isObject(body)) return undefined
  const sound = typeof body['tool'] === 'string' && isObject(body['arguments']) && Number.isFinite(body['timeMs'])
  return sound ? (body as unknown as CallRequest) : undefined
}

/** Undefined for what is no time that a timer can hold, 2^31 - 1 ms at most. */
export function parseIdle(body: unknown): number | undefined {
  const ms = isObject(body) ? body['idleMs'] : undefined
  return typeof ms === 'number' && Number.isSafeInteger(ms) && ms > 0 && ms < 2 ** 31 ? ms : undefined
}

/** What may stand where a server is named: in paths of the API, in file names and on a screen. */
export function wrongLaunchName(name: string): string | undefined {
  if (/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(name)) return undefined
  return 'letters, digits, ".", "_", "@" and "-", and at most 64 of them, the first a letter or a digit'
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined // told by the caller, as what it is: no such file
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isOptionalNumber(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && Number.isFinite(value) && value > 0)
}
