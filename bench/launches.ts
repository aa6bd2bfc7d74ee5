import { spawnSync } from 'node:child_process'
import { LineClient } from './line-client.ts'

/** Of what `launch --json` says. */
export interface Launched {
  readonly id: string
  readonly handshakeMs: number
  readonly totalMs: number
  readonly fromPool: boolean
}

/** Runs a verb to its end. @returns its stdout @throws with its stderr when that is no good one */
export function verb(
  [program = '', ...rest]: readonly string[],
  env: NodeJS.ProcessEnv,
  words: readonly string[],
): string {
  const { status, stdout, stderr } = spawnSync(program, [...rest, ...words], { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`)
  return stdout
}

/** One handed out of a pool that is full, and stopped. @returns how long the daemon took to give it, in ms */
export async function outOfPool(ask: (...words: string[]) => string, launch: () => Launched): Promise<number> {
  await full(ask)
  const handed = launch()
  if (!handed.fromPool) throw new Error('the pool was empty')
  ask('stop', handed.id)
  return handed.totalMs
}

/** Waits until each pool of the daemon's has all that it is to have. */
async function full(ask: (...words: string[]) => string): Promise<void> {
  for (;;) {
    const { servers } = JSON.parse(ask('status', '--json')) as {
      servers: { pool: { wanted: number; ready: number } }[]
    }
    if (servers.every(({ pool }) => pool.ready === pool.wanted)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** From the start of a client's child to its answer to `initialize`. */
export async function initialized(words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const started = performance.now()
  await using client = new LineClient(words, env)
  await client.initialize()
  return performance.now() - started
}
