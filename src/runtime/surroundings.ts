import type { Driver, EgressOptions, Receipt, StartOptions, Wall, SentWorkspace } from '../drivers/driver.ts'
import { noWayIn } from '../drivers/no-way-in.ts'
import type { Secrets } from '../egress/secrets/secrets.ts'
import type { TrustInside } from '../egress/tls/trust-inside.ts'
import type { AskDesk } from '../guard/ask-desk.ts'
import type { Plan } from '../policy/plan.ts'
import type { Recorder } from '../protocol/facts.ts'
import type { SyncReport } from '../protocol/workspace.ts'
import type { SandboxNetwork } from './network.ts'
import type { ListeningPort } from './publish/listen.ts'
import type { Published } from './publish/publish.ts'
import type { OpenedWorkspace } from './workspace/open.ts'

/** What a sandbox has outside of its wall: who connects for it, ports that lead to it, the copy that it works in. */
export interface Surroundings {
  /** What the driver starts. */
  readonly plan: Plan
  readonly egress: EgressOptions | undefined
  /** For a driver that sends it. */
  readonly workspace: SentWorkspace | undefined
  readonly ports: readonly ListeningPort[]
  readonly onActivity: (activity: Parameters<SandboxNetwork['onActivity']>[0]) => void
  /** It runs: whoever waits at its ports is let in. @throws GloveboxError, and the sandbox is stopped then */
  letIn(wall: Wall): Promise<void>
  /** The driver knows what the wall holds, and nothing of the way from our own side on. */
  receipt(receipt: Receipt): Receipt
  /** Nobody comes and goes any more, and the last connections are in the record. Idempotent. */
  close(): Promise<void>
  /** It has ended: what it did to its copy is taken over. What became of that. */
  finish(): Promise<SyncReport | undefined>
  /** It was not started. */
  abandon(): Promise<void>
}

export interface SurroundingsOptions {
  readonly id: string
  readonly plan: Plan
  readonly driver: Pick<Driver, 'dials' | 'sendsWorkspace' | 'silenceMs'>
  readonly record: Recorder
  readonly secrets?: Secrets | undefined
  readonly desk?: AskDesk | undefined
  /** Whose variables count for the way to the outside (proxies); ours by default. */
  readonly env?: NodeJS.ProcessEnv | undefined
  /** What is told on the way is for programs. */
  readonly json?: boolean
  readonly signal: AbortSignal
  readonly socket: StartOptions['socket']
  /** Something could not be recorded: the sandbox has to end. */
  readonly onFailure: () => void
}

/**
 * Opens what the plan asks for; what it does not ask for is not even loaded.
 * @throws GloveboxError, and nothing is left open then
 */
export async function openSurroundings(options: SurroundingsOptions): Promise<Surroundings> {
  let network: SandboxNetwork | undefined
  let published: Published | undefined
  let workspace: OpenedWorkspace | undefined
  const close = async (): Promise<void> => {
    await published?.close()
    await network?.close()
  }
  try {
    network = await openNetwork(options)
    published = await listenForPorts(options)
    workspace = await openWorkspace(options)
  } catch (error) {
    await close()
    throw error
  }
  return {
    plan: trusting(workspace?.plan ?? options.plan, network?.trust),
    egress: network?.options,
    workspace: workspace?.sent,
    ports: published?.ports ?? [],
    onActivity: (activity) => network?.onActivity(activity),
    async letIn(wall) {
      if (published === undefined) return
      if (wall.connect !== undefined) return published.attach(wall.connect)
      await wall.stop(0)
      throw noWayIn()
    },
    receipt: (receipt) => withUnchecked(receipt, network?.unchecked ?? []),
    close,
    finish: async () => workspace?.finish(),
    async abandon() {
      await close()
      await workspace?.abandon()
    },
  }
}

async function openNetwork(options: SurroundingsOptions): Promise<SandboxNetwork | undefined> {
  const { plan, driver, socket, record, onFailure, id, secrets, desk, env = process.env } = options
  if (plan.network === null) return undefined
  const loaded = await import('./network.ts')
  return loaded.openNetwork({
    network: plan.network,
    mode: plan.mode,
    dials: driver.dials,
    channel: socket,
    record,
    onFailure,
    sandbox: id,
    secrets,
    desk,
    env,
  })
}

async function listenForPorts({
  plan,
  socket,
  record,
  onFailure,
  driver: { silenceMs },
}: SurroundingsOptions): Promise<Published | undefined> {
  if (plan.publish.length === 0) return undefined
  if (socket === undefined) throw noWayIn()
  const { publish } = await import('./publish/publish.ts')
  return publish({ ports: plan.publish, record, onFailure, silenceMs })
}

async function openWorkspace(options: SurroundingsOptions): Promise<OpenedWorkspace | undefined> {
  const { plan, id, record, signal, json = false, driver } = options
  if (plan.workspace === null) return undefined
  const loaded = await import('./workspace/open.ts')
  return loaded.openWorkspace({
    plan,
    workspace: plan.workspace,
    id,
    record,
    json,
    signal,
    send: driver.sendsWorkspace,
  })
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

function withUnchecked(receipt: Receipt, notes: readonly string[]): Receipt {
  if (notes.length === 0) return receipt
  const unchecked = notes.join('; ')
  const enforcements = receipt.enforcements.map((line) => (line.control === 'net' ? { ...line, unchecked } : line))
  return { ...receipt, enforcements }
}
