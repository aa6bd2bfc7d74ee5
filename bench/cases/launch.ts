import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { atMostAbove, type Figure, type Options } from '../case.ts'
import { LineClient } from '../line-client.ts'
import { root } from '../machine.ts'
import { summarize } from '../stats.ts'

/** A launch takes a second of a real server's own: what is looked for is far from being lost in so many. */
const mostRuns = 40

const server = path.join(root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js')

/** From the daemon's being asked to the server's answer to the handshake, beside `run`; and out of a pool. */
export async function launch({ runs, glovebox, env }: Options): Promise<Figure[]> {
  const times = { run: [] as number[], launch: [] as number[], pool: [] as number[] }
  const command = ['--', process.execPath, server]
  const ask = (...words: string[]): string => verb(glovebox, env, words)
  const pooled = ['launch', '--json', '--lifetime', 'session', '--pool', '1', '--name', 'pooled', ...command]
  ask('daemon', 'start')
  try {
    ask(...pooled)
    for (let round = 0; round < Math.min(runs, mostRuns); round++) {
      times.run.push(await runOnce([...glovebox, 'run', ...command], env))
      const { handshakeMs } = JSON.parse(ask('launch', '--json', '--name', 'fresh', ...command)) as Launched
      times.launch.push(handshakeMs)
      ask('stop', 'fresh')
      await full(ask)
      const handed = JSON.parse(ask(...pooled)) as Launched
      if (!handed.fromPool) throw new Error('the pool was empty')
      times.pool.push(handed.totalMs)
      ask('stop', handed.id)
    }
  } finally {
    ask('daemon', 'stop')
  }
  const run = { name: 'glovebox run, with its own start', summary: summarize(times.run) }
  const fresh = { name: 'launch, in the daemon', summary: summarize(times.launch) }
  const pool = { name: 'launch out of a pool, in the daemon', summary: summarize(times.pool) }
  return [
    {
      name: 'server-everything, to the answer to initialize',
      unit: 'ms',
      ways: [run, fresh],
      target: atMostAbove(run, fresh, 0, 'no later than by run'),
    },
    {
      name: 'server-everything, ready to be called',
      unit: 'ms',
      ways: [fresh, pool],
      target: { words: 'at most 20 ms out of a pool', met: pool.summary.median <= 20 },
    },
  ]
}

interface Launched {
  readonly id: string
  readonly handshakeMs: number
  readonly totalMs: number
  readonly fromPool: boolean
}

async function runOnce(words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const started = performance.now()
  await using client = new LineClient(words, env)
  await client.initialize()
  return performance.now() - started
}

async function full(ask: (...words: string[]) => string): Promise<void> {
  for (;;) {
    const { servers } = JSON.parse(ask('status', '--json')) as {
      servers: { pool: { wanted: number; ready: number } }[]
    }
    if (servers.every(({ pool }) => pool.ready === pool.wanted)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function verb([program = '', ...rest]: readonly string[], env: NodeJS.ProcessEnv, words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, [...rest, ...words], { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`)
  return stdout
}
