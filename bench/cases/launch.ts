import path from 'node:path'
import { atMostAbove, type Figure, type Options } from '../case.ts'
import { initialized, outOfPool, verb, type Launched } from '../launches.ts'
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
      times.run.push(await initialized([...glovebox, 'run', ...command], env))
      const { handshakeMs } = JSON.parse(ask('launch', '--json', '--name', 'fresh', ...command)) as Launched
      times.launch.push(handshakeMs)
      ask('stop', 'fresh')
      times.pool.push(await outOfPool(ask, () => JSON.parse(ask(...pooled)) as Launched))
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
