import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { StdioOptions } from 'node:child_process'
import type { JailLimits, JailPlan } from '../../../src/protocol/jail-plan.ts'
import type { Activity, JailExit, JailFailure, JailReceipt, JailStatus } from '../../../src/protocol/jail-status.ts'
import { insideBinary } from './binaries.ts'
import type { Place } from './place.ts'

const MiB = 1024 ** 2

export interface JailRun {
  readonly stdout: string
  readonly stderr: string
  readonly statuses: readonly JailStatus[]
  readonly receipt: JailReceipt | undefined
  readonly exit: JailExit | undefined
  readonly failure: JailFailure | undefined
  readonly activities: readonly Activity[]
  /** How the launcher itself ended. */
  readonly code: number | null
}

export interface JailOptions {
  readonly plan?: Partial<JailPlan>
  /** The environment of the launcher, of which nothing may come through. */
  readonly env?: NodeJS.ProcessEnv
  /** Descriptors to hand to the launcher: the first three, and others from 5 on. */
  readonly stdio?: { readonly first?: readonly [Stdio, Stdio, Stdio]; readonly more?: readonly number[] }
  /** Where the launcher is started. */
  readonly cwd?: string
  /** A program of ours that starts the launcher. */
  readonly through?: readonly string[]
  /** Done while it runs; the launcher's reports are not read before when it is `paused`. */
  readonly meanwhile?: (pid: number) => Promise<void>
  readonly paused?: boolean
}

export type Stdio = 'ignore' | 'pipe' | number

/** The plan that an ordinary server with a workspace would get. */
export function planFor(place: Place, words: readonly string[], changes: Partial<JailPlan> = {}): JailPlan {
  const user = { access: 'read', exec: false, owner: 'user' } as const
  const at = (source: string): { source: string; target: string } => ({ source, target: source })
  return {
    schema: 'glovebox/jail-plan/1',
    id: `escape-${place.name}`,
    command: {
      path: place.attacks,
      argv: [place.attacks, ...words],
      cwd: place.ws,
      env: { PATH: '/usr/bin:/bin', HOME: '/home/user' },
      terminal: false,
    },
    mounts: [
      { source: '/usr', target: '/usr', access: 'read', exec: true, owner: 'system' },
      { ...at(place.bin), ...user, exec: true },
      { ...at(place.ro), ...user },
      { ...at(place.ws), ...user, access: 'write' },
    ],
    deny: [place.denied, place.deniedDirectory],
    exec: null,
    limits: limits({}),
    mode: 'enforce',
    allowDegraded: [],
    channel: null,
    hold: false,
    egress: null,
    devices: [],
    ...changes,
  }
}

/** Defaults, which no user wrote down, with these changes. Bytes. */
export function limits(changes: Partial<Record<keyof JailLimits, number>>): JailLimits {
  const limit = (value: number): { value: number; explicit: boolean } => ({ value, explicit: false })
  return {
    memory: limit(changes.memory ?? 512 * MiB),
    cpus: limit(changes.cpus ?? 1),
    pids: limit(changes.pids ?? 128),
    disk: limit(changes.disk ?? 64 * MiB),
    openFiles: limit(changes.openFiles ?? 1024),
    time: changes.time === undefined ? null : { value: changes.time, explicit: true },
  }
}

/** Runs a program in the jail to its end. */
export async function runJail(place: Place, words: readonly string[], options: JailOptions = {}): Promise<JailRun> {
  const { runner } = place
  const [program, ...rest] = [
    ...(options.through ?? []),
    insideBinary(runner),
    'jail',
    '--plan-fd',
    '3',
    '--status-fd',
    '4',
  ]
  const first = options.stdio?.first ?? ['ignore', 'pipe', 'pipe']
  const stdio: StdioOptions = [...first, 'pipe', 'pipe', ...(options.stdio?.more ?? [])]
  const cwd = options.cwd ?? runner.home
  const child = runner.spawn(program ?? '', rest, { stdio, cwd, env: options.env ?? {} })
  const streams = child.stdio as unknown as (Readable | null)[]
  const plan = child.stdio[3] as Duplex
  // The launcher may be gone while we write: its status tells why.
  plan.on('error', () => undefined)
  const status = streams[4] as Readable
  const early = options.paused === true ? undefined : text(status)
  const said = [streams[1], streams[2]].map(async (stream) => (stream ? text(stream) : ''))
  const ended = once(child, 'close')
  ;(plan as Writable).write(`${JSON.stringify(planFor(place, words, options.plan))}\n`)
  await options.meanwhile?.(child.pid ?? -1)
  const told = early ?? text(status)
  const [code] = (await ended) as [number | null]
  const [stdout = '', stderr = ''] = await Promise.all(said)
  return { stdout, stderr, code, ...sorted(await told) }
}

export function sorted(told: string): Omit<JailRun, 'stdout' | 'stderr' | 'code'> {
  const statuses = told
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as JailStatus)
  const one = <E extends JailStatus['event']>(event: E): Extract<JailStatus, { event: E }> | undefined =>
    statuses.find((status): status is Extract<JailStatus, { event: E }> => status.event === event)
  return {
    statuses,
    receipt: one('receipt'),
    exit: one('exit'),
    failure: one('error'),
    activities: statuses.filter((status) => status.event === 'activity'),
  }
}

/** Fails with everything that is known when the program did not run to its end. */
export function mustHaveRun(run: JailRun): JailRun {
  if (run.receipt !== undefined && run.exit !== undefined && run.failure === undefined) return run
  throw new Error(`the sandbox did not run: ${JSON.stringify(run.failure ?? run, null, 1).slice(0, 2000)}`)
}
