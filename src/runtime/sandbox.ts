import { GloveboxError, messageOf } from '../errors.ts'
import type { AskDesk } from '../guard/ask-desk.ts'
import type { Recorder, StartFact } from '../protocol/facts.ts'
import type { SyncReport } from '../protocol/workspace.ts'
import type { Secrets } from '../egress/secrets/secrets.ts'
import type { Plan } from '../policy/plan.ts'
import type { Driver, Exit, Wall } from '../drivers/driver.ts'
import { makeDirectory } from '../system/make-directory.ts'
import { places } from '../system/places.ts'
import { realOrNamed } from '../system/real-places.ts'
import { randomHex } from '../system/random-hex.ts'
import type { ListeningPort } from './publish/listen.ts'
import { register, type Registered } from './running/register.ts'
import { startFact } from './start-fact.ts'
import { openSurroundings, type Surroundings } from './surroundings.ts'

/** A running plan, and the record of what happens to it. */
export interface Sandbox {
  readonly id: string
  readonly plan: Plan
  readonly wall: Wall
  /** Settles when nothing of it is left, what it did to a copied workspace is taken over, and its end is in the record. */
  readonly exit: Promise<Exit>
  /** Why it was ended, in words for the client, when a limit did it. */
  readonly endedBy: () => string | undefined
  /** What became of a copied workspace; undefined where there is none, and before the sandbox has ended. */
  readonly synced: () => SyncReport | undefined
  /** Ends it at once: what it was there for is done. Settles as `wall.stop` does. */
  readonly discard: () => Promise<void>
  /** One that was started as a spare is found by its name from now on. */
  readonly announce: () => void
}

/** A fresh sandbox id: names its audit file, its cgroup, its hostname. */
export function newSandboxId(): string {
  return `gbx-${randomHex(6)}`
}

export interface SandboxOptions {
  readonly id: string
  readonly plan: Plan
  readonly driver: Driver
  readonly record: Recorder
  readonly stdio: 'pipe' | 'inherit'
  readonly signal: AbortSignal
  /** Finds out whether the program is the one that was meant; throws when it is not. */
  readonly verify?: (() => Promise<void>) | undefined
  /** Those of the plan, with their values. */
  readonly secrets?: Secrets | undefined
  /** Who asks about names that no rule of the plan has. */
  readonly desk?: AskDesk | undefined
  /** Whose variables count for the way to the outside (proxies); ours by default. */
  readonly env?: NodeJS.ProcessEnv | undefined
  /** Not the one that its name means, as long as it is not announced. */
  readonly spare?: boolean | undefined
  /** Told before the program runs, of a plan that publishes ports. */
  readonly onPublished?: ((ports: readonly ListeningPort[]) => void) | undefined
  /** What is told on the way is for programs. */
  readonly json?: boolean
}

/**
 * Starts a plan behind its driver's wall. The program runs when its start is in the record, and what it is made of has
 * been verified; both are done while the wall is built.
 * @throws GloveboxError from the driver or from `verify`, once the failure is in the record
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { id, plan, record } = options
  requireSecrets(plan, options.secrets)
  makeMasked(plan)
  const registered = register(places(process.env), id)
  const unrecorded = Promise.withResolvers<void>()
  const told = startTold(plan, record)
  let limit: string | undefined
  let synced: SyncReport | undefined
  let isUnneeded = false
  const onLimit = (detail: string): void => void (limit ??= detail)
  const { around, started } = await begin()
  const wall = { ...started, receipt: around.receipt(started.receipt) }
  void endUnrecorded(wall)
  record({ fact: 'receipt', enforcements: wall.receipt.enforcements, pid: wall.pid })
  // Behind the start, which is measured: what killed processes left is no hurry.
  setImmediate(() => void import('./running/list.ts').then(({ reapRunning }) => reapRunning(places(process.env))))
  const exit = untilEnded(wall, around)
  exit.catch(() => undefined) // whoever waits for it is told; who has failed before need not
  const announce = (): void => announceAs(registered, told.start(), { ...options, ports: around.ports, spare: false })
  let hasEnded = false
  const noteEnd = (): void => void (hasEnded = true)
  wall.exit.then(noteEnd, noteEnd)
  const discard = async (): Promise<void> => {
    isUnneeded = !hasEnded
    await wall.stop(0)
  }
  return {
    id,
    plan,
    wall,
    exit,
    endedBy: () => limit,
    synced: () => synced,
    discard,
    announce,
  }

  async function begin(): Promise<{ around: Surroundings; started: Wall }> {
    let opened: Surroundings | undefined
    try {
      opened = await openSurroundings({ ...options, socket: registered.socket, onFailure: () => unrecorded.resolve() })
      return { around: opened, started: await startWall(options, { registered, around: opened, told, onLimit }) }
    } catch (error) {
      await opened?.abandon()
      registered.remove()
      told.start()
      record({
        fact: 'start-failed',
        code: error instanceof GloveboxError ? error.code : 'INTERNAL',
        message: messageOf(error),
      })
      throw error
    }
  }

  async function untilEnded(wall: Wall, around: Surroundings): Promise<Exit> {
    try {
      const exit = await wall.exit
      // The last connections are in the record before the end is.
      await around.close()
      synced = await around.finish()
      record({ fact: 'stop', exit, ...(isUnneeded && { unneeded: true }) })
      return exit
    } finally {
      await around.close()
      registered.remove()
    }
  }

  /** As the guard ends a session whose messages cannot be recorded. */
  async function endUnrecorded(wall: Wall): Promise<void> {
    await unrecorded.promise
    limit ??= 'its connections can no longer be recorded'
    await wall.stop(0)
  }
}

/** Directories of ours that are masked have to be there for it: who made one later would show it. */
function makeMasked({ deny }: Plan): void {
  const { config, state, runtime } = places(process.env)
  for (const path of [config, state, runtime].map(realOrNamed).filter((each) => deny.includes(each))) {
    try {
      makeDirectory(path)
    } catch (cause) {
      throw new GloveboxError('HOST_CANNOT', `${path} cannot be made, so it cannot be kept from the sandbox`, {
        cause,
        fix: `create it, or show the sandbox less than what is above it`,
      })
    }
  }
}

async function startWall(
  { id, driver, record, stdio, signal, verify, plan, spare = false, onPublished }: SandboxOptions,
  {
    registered,
    around,
    told,
    onLimit,
  }: { registered: Registered; around: Surroundings; told: Told; onLimit: (detail: string) => void },
): Promise<Wall> {
  const wall = await driver.start(
    around.plan,
    {
      id,
      stdio,
      socket: registered.socket,
      egress: around.egress,
      workspace: around.workspace,
      beforeProgram: async () => {
        const { ports } = around
        announceAs(registered, told.start(), { plan, driver, ports, spare })
        if (ports.length > 0) onPublished?.(ports)
        await verify?.()
      },
      onActivity: ({ event, ...activity }) => {
        record({ fact: 'activity', activity })
        around.onActivity(activity)
      },
      onLimit: ({ limit: which, detail }) => {
        record({ fact: 'limit', limit: which, detail })
        onLimit(detail)
      },
    },
    signal,
  )
  await around.letIn(wall)
  return wall
}

function announceAs(
  registered: Registered,
  { command, plan: hash }: StartFact,
  {
    plan: { server, command: own },
    driver: { name: driver, silenceMs },
    ports: published,
    spare,
  }: Pick<SandboxOptions, 'plan' | 'driver'> & { ports: readonly ListeningPort[]; spare: boolean },
): void {
  const sometimes = { ...(spare && { spare }), ...(silenceMs !== undefined && { silenceMs }) }
  const about = { server, driver, plan: hash, command, directory: own.cwd, published }
  registered.announce({ ...about, ...sometimes })
}

interface Told {
  /** The start, in the record: once. */
  start(): StartFact
}

function startTold(plan: Plan, record: Recorder): Told {
  let fact: StartFact | undefined
  return {
    start() {
      if (fact !== undefined) return fact
      // First: what cannot be recorded was told to nobody, and is not tried again.
      fact = startFact(plan)
      record(fact)
      return fact
    },
  }
}

function requireSecrets(plan: Plan, secrets: Secrets | undefined): void {
  if (plan.secrets.length === 0 || secrets !== undefined) return
  throw new GloveboxError('INTERNAL', `the secret ${plan.secrets[0]?.name} was not read before its sandbox was started`)
}
