import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Driver, Exit, Wall } from '../../src/drivers/driver.ts'
import { withDriverDefaults } from '../../src/drivers/registry.ts'
import type { Network } from '../../src/policy/network.ts'
import type { Plan } from '../../src/policy/plan.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { defaultPolicy } from '../../src/policy/policy.ts'
import { resolvePlan } from '../../src/policy/resolve.ts'
import type { Activity, JailLimitHit } from '../../src/protocol/jail-status.ts'
import { inspectHost } from '../../src/runtime/inspect/host.ts'
import { openNetwork, type SandboxNetwork } from '../../src/runtime/network.ts'

/** Why a driver does not do what a case tries, for the case's `skip`; false where it does. */
export interface Differences {
  /** Directories of the host's that a program writes to. */
  readonly write: string | false
  /** The programs of a sandbox are among this host's processes. */
  readonly seen: string | false
  /** So many sandboxes ask at once, where there is time for the long counts. */
  readonly crowd: number
  /** What a server says right before it cuts a connection is heard. */
  readonly saidLast: string | false
  /** A program of the host's system directories is there, with what belongs to it. */
  readonly hostSystem: string | false
}

const noDifferences: Differences = {
  write: false,
  seen: false,
  crowd: 20,
  saidLast: false,
  hostSystem: false,
}

/** A driver under test, with the few things that each case does with it. */
export interface Contract {
  readonly driver: Driver
  /** Who makes the connections of its sandboxes. */
  readonly dials: Driver['dials']
  readonly differences: Differences
  /** The plan of a command under the default policy, or under one with these differences. */
  /** `cwd`: where the start was asked for; default: where this process is. */
  readonly plan: (command: readonly string[], policy?: Partial<Policy>, cwd?: string) => Plan
  readonly start: (plan: Plan, signal?: AbortSignal) => Promise<Started>
  /** Starts it, closes its stdin and waits for its end. */
  readonly run: (plan: Plan, input?: Uint8Array) => Promise<Ran>
  /** Ends what a case that failed has left running. */
  readonly stopAll: () => Promise<void>
}

export interface Started {
  readonly id: string
  readonly wall: Wall
  readonly stdio: NonNullable<Wall['stdio']>
  readonly activities: Activity[]
  readonly limits: JailLimitHit[]
}

export interface Ran extends Omit<Started, 'stdio'> {
  readonly exit: Exit
  readonly stdout: Buffer
  readonly stderr: Buffer
}

/** `dials`: where a driver's sandboxes can do with both, either. */
export function createContract(
  driver: Driver,
  dials: Driver['dials'] = driver.dials,
  differences: Differences = noDifferences,
): Contract {
  const walls = new Set<Wall>()

  const plan = (command: readonly string[], policy: Partial<Policy> = {}, cwd: string = process.cwd()): Plan => {
    const whole = withDriverDefaults({ ...defaultPolicy, driver: driver.name, ...policy })
    const facts = inspectHost(whole, command, process.env, cwd)
    return resolvePlan('contract', whole, facts, { env: process.env, terminal: false })
  }

  const start = async (plan: Plan, signal: AbortSignal = new AbortController().signal): Promise<Started> => {
    const activities: Activity[] = []
    const limits: JailLimitHit[] = []
    const id = `gbx-test-${randomBytes(6).toString('hex')}`
    const network =
      plan.network === null ? undefined : await openNetworkOf(plan, { network: plan.network, sandbox: id, dials })
    const options = {
      id,
      stdio: 'pipe',
      socket: undefined,
      egress: network?.options,
      onActivity: (activity: Activity) => {
        activities.push(activity)
        network?.onActivity(activity)
      },
      onLimit: (hit: JailLimitHit) => void limits.push(hit),
    } as const
    const close = async (): Promise<void> => network?.close()
    const wall = await driver.start(plan, options, signal).catch(async (error: unknown) => {
      await close()
      throw error
    })
    walls.add(wall)
    void wall.exit.then(close, close)
    if (wall.stdio === undefined) throw new Error('asked for pipes and got none')
    return { id, wall, stdio: wall.stdio, activities, limits }
  }

  const run = async (plan: Plan, input?: Uint8Array): Promise<Ran> => {
    const { stdio, ...started } = await start(plan)
    // A program need not read what it is given.
    stdio.stdin.on('error', () => undefined)
    stdio.stdin.end(input)
    const [stdout, stderr, exit] = await Promise.all([buffer(stdio.stdout), buffer(stdio.stderr), started.wall.exit])
    return { ...started, exit, stdout, stderr }
  }

  const stopAll = async (): Promise<void> => {
    const stopped = [...walls].map(async (wall) => wall.stop(0))
    // What has ended badly is told once, and not again after each case that follows.
    walls.clear()
    await Promise.allSettled(stopped)
    await Promise.all(stopped)
  }

  return { driver, dials, differences, plan, start, run, stopAll }
}

/** As a running sandbox has it, with nowhere to write the record to. */
async function openNetworkOf(
  { mode }: Plan,
  about: { readonly network: Network; readonly sandbox: string; readonly dials: Driver['dials'] },
): Promise<SandboxNetwork> {
  const directory = mkdtempSync('/tmp/gbx-net-')
  const record = (): void => undefined
  const onFailure = (error: unknown): void => {
    throw error
  }
  const channel = path.join(directory, 'channel')
  const opened = await openNetwork({
    ...about,
    mode,
    channel,
    record,
    onFailure,
    secrets: undefined,
    desk: undefined,
    env: process.env,
  })
  return {
    ...opened,
    async close() {
      await opened.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Resolves with all that came once it has the text; rejects at the end of the stream. */
export async function until(stream: Readable, text: string): Promise<string> {
  let seen = ''
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const onData = (data: Buffer): void => {
    seen += data.toString('latin1')
    if (seen.includes(text)) resolve(seen)
  }
  const onEnd = (): void => reject(new Error(`ended without "${text}": ${seen}`))
  stream.on('data', onData).once('end', onEnd)
  try {
    return await promise
  } finally {
    stream.off('data', onData).off('end', onEnd)
  }
}
