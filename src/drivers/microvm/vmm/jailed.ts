import { closeSync, openSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { GloveboxError, messageOf } from '../../../errors.ts'
import type { JailPlan } from '../../../protocol/jail-plan.ts'
import { spawnOnSockets, type SocketsProcess } from '../../../system/spawn-inside.ts'
import type { Exit, Receipt } from '../../driver.ts'
import { follow } from '../../launcher/follow.ts'

/** A VMM in a jail of its own. */
export interface Jailed {
  /** Its descriptors 1 and 2: each is one end of a pair of sockets, and we have the other. */
  readonly sockets: readonly [Duplex, Duplex]
  /** It runs. Rejects with the jail's own reason where it was never started. */
  readonly started: Promise<{ readonly pid: number; readonly receipt: Receipt }>
  /** Settles when nothing of it is left. */
  readonly ended: Promise<JailedEnd>
  /** All of it at once: its pid namespace dies with the launcher. */
  end(): void
}

export interface JailedEnd {
  /** Undefined where the jail could not tell. */
  readonly exit: Exit | undefined
  /** What the jail said of it: why it was never started, which limits it met. */
  readonly words: readonly string[]
}

/**
 * @param input the file that it reads as its stdin
 * @throws GloveboxError NOT_STARTED where the launcher itself cannot be started
 */
export async function startJailed(binary: string, plan: JailPlan, input?: string): Promise<Jailed> {
  const inside = await spawn(binary, input)
  const limits: string[] = []
  const { started, exit } = follow(inside, {
    onActivity: () => undefined,
    onLimit: ({ detail }) => void limits.push(detail),
  })
  started.catch(() => undefined) // told by `ended` too, to whoever has ended it meanwhile
  const ended = exit.then(
    (known): JailedEnd => ({ exit: known, words: limits }),
    (error: unknown): JailedEnd => ({ exit: undefined, words: [messageOf(error), ...limits] }),
  )
  inside.plan.write(`${JSON.stringify(plan)}\n`)
  return { sockets: inside.sockets, started, ended, end: () => inside.kill('SIGKILL') }
}

async function spawn(binary: string, path: string | undefined): Promise<SocketsProcess> {
  const input = path === undefined ? 'ignore' : openSync(path, 'r')
  try {
    return await spawnOnSockets(binary, ['jail'], input)
  } catch (cause) {
    throw new GloveboxError('NOT_STARTED', `${binary} could not be started: ${messageOf(cause)}`, {
      cause,
      fix: 'check that the native package was made for this system and processor',
    })
  } finally {
    if (input !== 'ignore') closeSync(input)
  }
}
