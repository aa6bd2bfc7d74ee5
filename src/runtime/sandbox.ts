import { GloveboxError, messageOf } from '../errors.ts'
import type { AskDesk } from '../guard/ask-desk.ts'
import type { Recorder, StartFact } from '../protocol/facts.ts'
import type { Secrets } from '../egress/secrets/secrets.ts'
import type { TrustInside } from '../egress/tls/trust-inside.ts'
import type { Plan } from '../policy/plan.ts'
import type { Driver, Exit, Receipt, Wall } from '../drivers/driver.ts'
import { places } from '../system/places.ts'
import { randomHex } from '../system/random-hex.ts'
import type { SandboxNetwork } from './network.ts'
import type { ListeningPort } from './publish/listen.ts'
import type { Published } from './publish/publish.ts'
import { register } from './running/register.ts'

/** A running plan, and the record of what happens to it. */
export interface Sandbox {
  readonly id: string
  readonly plan: Plan
  readonly wall: Wall
  /** Settles when nothing of it is left and its end is in the record. */
  readonly exit: Promise<Exit>
  /** Why it was ended, in words for the client, when a limit did it. */
  readonly endedBy: () => string | undefined
}

/** A fresh sandbox id: names its audit file, its cgroup, its hostname. */
export function newSandboxId(): string {
  return `gbx-${randomHex(6)}`
}

/**
 * Starts a plan behind its driver's wall. The program runs when its start is in the record, and what it is made of has
 * been verified; both are done while the wall is built.
 * @throws GloveboxError from the driver or from `verify`, once the failure is in the record
 */
export async function startSandbox(options: {
  id: string
  plan: Plan
  driver: Driver
  record: Recorder
  stdio: 'pipe' | 'inherit'
  signal: AbortSignal
  /** Finds out whether the program is the one that was meant; throws when it is not. */
  verify?: (() => Promise<void>) | undefined
  /** Whose proxies its connections are made through; ours without it. */
  hostEnv?: NodeJS.ProcessEnv | undefined
  /** Those of the plan, with their values. */
  secrets?: Secrets | undefined
  /** Who asks about names that no rule of the plan has. */
  desk?: AskDesk | undefined
  /** Told before the program runs, of a plan that publishes ports. */
  onPublished?: ((ports: readonly ListeningPort[]) => void) | undefined
}): Promise<Sandbox> {
  const { id, plan, driver, record, verify, secrets, onPublished } = options
  if (plan.secrets.length > 0 && secrets === undefined) {
    throw new GloveboxError(
      'INTERNAL',
      `the secret ${plan.secrets[0]?.name} was not read before its sandbox was started`,
    )
  }
  const registered = register(places(process.env), id)
  let limit: string | undefined
  let network: SandboxNetwork | undefined
  let published: Published | undefined
  const unrecorded = Promise.withResolvers<void>()
  const started = await startWall(options, (detail) => (limit ??= detail))
  const wall = { ...started, receipt: withUnchecked(started.receipt, network?.uncheckedAddresses) }
  void endUnrecorded(wall)
  record({ fact: 'receipt', enforcements: wall.receipt.enforcements, pid: wall.pid })
  // Behind the start, which is measured: what killed processes left is no hurry.
  setImmediate(() => void import('./running/list.ts').then(({ reapRunning }) => reapRunning(places(process.env))))
  const exit = untilEnded(wall)
  return { id, plan, wall, exit, endedBy: () => limit }

  async function startWall(
    { stdio, signal }: { stdio: 'pipe' | 'inherit'; signal: AbortSignal },
    onLimit: (detail: string) => void,
  ): Promise<Wall> {
    let told = false
    const tellStart = (): StartFact => {
      const about = startFact(plan)
      told = true
      record(about)
      return about
    }
    try {
      network = await openNetwork()
      published = await listenForPorts()
      const wall = await driver.start(
        trusting(plan, network?.trust),
        {
          id,
          stdio,
          socket: registered.socket,
          egress: network?.options,
          beforeProgram: async () => {
            const { command, plan: hash } = tellStart()
            const ports = published?.ports ?? []
            registered.announce({ server: plan.server, driver: plan.driver, plan: hash, command, published: ports })
            if (ports.length > 0) onPublished?.(ports)
            await verify?.()
          },
          onActivity: ({ event, ...activity }) => {
            record({ fact: 'activity', activity })
            network?.onActivity(activity)
          },
          onLimit: ({ limit: which, detail }) => {
            record({ fact: 'limit', limit: which, detail })
            onLimit(detail)
          },
        },
        signal,
      )
      await letIn(wall)
      return wall
    } catch (error) {
      await published?.close()
      await network?.close()
      registered.remove()
      if (!told) tellStart()
      record({
        fact: 'start-failed',
        code: error instanceof GloveboxError ? error.code : 'INTERNAL',
        message: messageOf(error),
      })
      throw error
    }
  }

  async function untilEnded(wall: Wall): Promise<Exit> {
    try {
      const exit = await wall.exit
      // The last connections are in the record before the end is.
      await published?.close()
      await network?.close()
      record({ fact: 'stop', exit })
      return exit
    } finally {
      await published?.close()
      await network?.close()
      registered.remove()
    }
  }

  /** As the guard ends a session whose messages cannot be recorded. */
  async function endUnrecorded(wall: Wall): Promise<void> {
    await unrecorded.promise
    limit ??= 'its connections can no longer be recorded'
    await wall.stop(0)
  }

  async function listenForPorts(): Promise<Published | undefined> {
    if (plan.publish.length === 0) return undefined
    if (registered.socket === undefined) throw noWayIn()
    const { publish } = await import('./publish/publish.ts')
    return publish({ ports: plan.publish, record, onFailure: () => unrecorded.resolve() })
  }

  async function letIn(wall: Wall): Promise<void> {
    if (published === undefined) return
    if (wall.connect !== undefined) return published.attach(wall.connect)
    await wall.stop(0)
    throw noWayIn()
  }

  async function openNetwork(): Promise<SandboxNetwork | undefined> {
    if (plan.network === null) return undefined
    const onFailure = (): void => unrecorded.resolve()
    const loaded = await import('./network.ts')
    return loaded.openNetwork({
      network: plan.network,
      mode: plan.mode,
      dials: driver.dials,
      channel: registered.socket,
      record,
      onFailure,
      sandbox: id,
      secrets,
      desk: options.desk,
      env: options.hostEnv ?? process.env,
    })
  }
}

/** With what makes its programs believe their authority. What the user has set stays set. */
function trusting(plan: Plan, trust: TrustInside | undefined): Plan {
  if (trust === undefined) return plan
  const { command, mounts } = plan
  return {
    ...plan,
    mounts: [...mounts, ...trust.mounts],
    command: { ...command, env: { ...trust.env, ...command.env } },
  }
}

/** The driver knows what the wall holds, and nothing of the way from our own side on. */
function withUnchecked(receipt: Receipt, unchecked: string | undefined): Receipt {
  if (unchecked === undefined) return receipt
  const enforcements = receipt.enforcements.map((line) => (line.control === 'net' ? { ...line, unchecked } : line))
  return { ...receipt, enforcements }
}

function noWayIn(): GloveboxError {
  return new GloveboxError(
    'HOST_CANNOT',
    'network.publish: there is no way into this sandbox, so no port of it is reached',
    {
      fix: 'set XDG_RUNTIME_DIR to a directory of a short path that this user may write to',
    },
  )
}

function startFact(plan: Plan): StartFact {
  return {
    fact: 'start',
    server: plan.server,
    driver: plan.driver,
    command: plan.command.argv,
    // A resolved plan is built in one place, in one order: its JSON is canonical.
    // Loaded only here, where the wall is being built meanwhile.
    plan: process.getBuiltinModule('node:crypto').hash('sha256', JSON.stringify(withoutSecrets(plan)), 'hex'),
    allowDegraded: plan.allowDegraded,
  }
}

/** The values of the environment may be keys: a hash over them would let a reader of the record test guesses. */
function withoutSecrets(plan: Plan): object {
  return { ...plan, command: { ...plan.command, env: Object.keys(plan.command.env) } }
}
