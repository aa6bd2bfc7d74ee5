import { messageOf } from '../errors.ts'
import { ownChildAbove, treeMemory } from '../system/tree-memory.ts'
import { ownServer } from './own-server.ts'
import { placedStart, type PlacedFlags } from './placed-start.ts'
import { serve, type Served } from './served.ts'

/** So many sandboxes of one server, all up at the same time, and what it took. Times are in ms. */
export interface ManyLaunched {
  readonly server: string
  readonly driver: string
  readonly count: number
  readonly batch: number
  readonly failures: readonly string[]
  /** From the start to the answer to the handshake, of those that came up. */
  readonly launchMs: readonly number[]
  /** The first request after it: its tools. */
  readonly firstCallMs: readonly number[]
  /** Of each, when all were up; shared pages in proportion. Empty where the kernel does not tell. */
  readonly pssBytes: readonly number[]
  /** From the first start to the last handshake. */
  readonly tookMs: number
}

export interface ManyOptions {
  readonly count: number
  /** So many are being started at the same time. */
  readonly batch: number
  readonly signal: AbortSignal
  readonly onProgress: (done: number) => void
}

/**
 * Launches them, measures them, and ends them. One that fails is counted, and stops no other.
 * @throws GloveboxError when nothing can be started at all: a wrong policy, an unknown command; the signal's reason
 */
export async function launchMany(
  words: readonly string[],
  flags: PlacedFlags,
  { count, batch, signal, onProgress }: ManyOptions,
): Promise<ManyLaunched> {
  const isOwn = words.length === 0 && flags.command === undefined
  const start = await placedStart(isOwn ? ownServer() : words, isOwn ? { name: 'glovebox-test', ...flags } : flags, {
    cwd: process.cwd(),
    env: process.env,
    verb: 'launch-many',
  })
  const up: Served[] = []
  const [launchMs, firstCallMs, failures]: [number[], number[], string[]] = [[], [], []]
  let left = count

  async function launchOne(): Promise<void> {
    const from = performance.now()
    const served = await serve({ ...start, env: process.env, signal, spare: true, onStderr: () => undefined })
    up.push(served)
    const answered = performance.now()
    await served.countTools({ signal })
    launchMs.push(answered - from)
    firstCallMs.push(performance.now() - answered)
  }

  async function work(): Promise<void> {
    while (left > 0 && !signal.aborted) {
      left--
      try {
        await launchOne()
      } catch (error) {
        failures.push(messageOf(error))
      }
      onProgress(launchMs.length + failures.length)
    }
  }

  const from = performance.now()
  try {
    await Promise.all(Array.from({ length: Math.min(batch, count) }, work))
    signal.throwIfAborted()
    const tookMs = performance.now() - from
    const pssBytes = up.flatMap(({ pid }) => treeMemory(ownChildAbove(pid)) ?? [])
    const { server, driver } = start.plan
    return { server, driver, count, batch, failures, launchMs, firstCallMs, pssBytes, tookMs }
  } finally {
    await Promise.all(up.map(async (served) => served.discard()))
  }
}
