import { createHash, randomBytes } from 'node:crypto'
import { GloveboxError, messageOf } from '../errors.ts'
import type { Recorder, StartFact } from '../protocol/facts.ts'
import type { Plan } from '../policy/plan.ts'
import type { Driver, Exit, Wall } from '../drivers/driver.ts'
import { places } from '../system/places.ts'
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
  return `gbx-${randomBytes(6).toString('hex')}`
}

/**
 * Starts a plan behind its driver's wall. The record comes first: what cannot be recorded is not started.
 * @throws GloveboxError from the driver, once the failure is in the record
 */
export async function startSandbox(options: {
  id: string
  plan: Plan
  driver: Driver
  record: Recorder
  stdio: 'pipe' | 'inherit'
  signal: AbortSignal
}): Promise<Sandbox> {
  const { id, plan, driver, record } = options
  const about = startFact(plan)
  record(about)
  const registered = register(places(process.env), id)
  let limit: string | undefined
  const wall = await startWall(options, (detail) => (limit ??= detail))
  record({ fact: 'receipt', enforcements: wall.receipt.enforcements, pid: wall.pid })
  // Behind the start, which is measured: what killed processes left is no hurry.
  setImmediate(() => void import('./running/list.ts').then(({ reapRunning }) => reapRunning(places(process.env))))
  const exit = wall.exit
    .finally(() => registered.remove())
    .then((result) => {
      record({ fact: 'stop', exit: result })
      return result
    })
  return { id, plan, wall, exit, endedBy: () => limit }

  async function startWall(
    { stdio, signal }: { stdio: 'pipe' | 'inherit'; signal: AbortSignal },
    onLimit: (detail: string) => void,
  ): Promise<Wall> {
    try {
      const starting = driver.start(
        plan,
        {
          id,
          stdio,
          socket: registered.socket,
          egress: undefined,
          onActivity: ({ event, ...activity }) => record({ fact: 'activity', activity }),
          onLimit: ({ limit: which, detail }) => {
            record({ fact: 'limit', limit: which, detail })
            onLimit(detail)
          },
        },
        signal,
      )
      // While the launcher is at work.
      registered.announce({ server: plan.server, driver: plan.driver, plan: about.plan, command: about.command })
      return await starting
    } catch (error) {
      registered.remove()
      record({
        fact: 'start-failed',
        code: error instanceof GloveboxError ? error.code : 'INTERNAL',
        message: messageOf(error),
      })
      throw error
    }
  }
}

function startFact(plan: Plan): StartFact {
  return {
    fact: 'start',
    server: plan.server,
    driver: plan.driver,
    command: plan.command.argv,
    // A resolved plan is built in one place, in one order: its JSON is canonical.
    plan: createHash('sha256')
      .update(JSON.stringify(withoutSecrets(plan)))
      .digest('hex'),
    allowDegraded: plan.allowDegraded,
  }
}

/** The values of the environment may be keys: a hash over them would let a reader of the record test guesses. */
function withoutSecrets(plan: Plan): object {
  return { ...plan, command: { ...plan.command, env: Object.keys(plan.command.env) } }
}
