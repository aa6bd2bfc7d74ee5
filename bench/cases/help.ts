import { spawnSync } from 'node:child_process'
import type { Figure, Options } from '../case.ts'
import { summarize } from '../stats.ts'

/** What the command itself costs before it does anything. */
export async function help({ runs, glovebox, env }: Options): Promise<Figure[]> {
  const alternatives = {
    'node, an empty program': [process.execPath, '-e', '0'],
    'glovebox --help': [...glovebox, '--help'],
  }
  const times = Object.fromEntries(Object.keys(alternatives).map((name) => [name, [] as number[]]))
  for (let round = -3; round < runs; round++) {
    for (const [name, words] of Object.entries(alternatives)) {
      const took = time(words, env)
      if (round >= 0) times[name]?.push(took)
    }
  }
  const ways = Object.entries(times).map(([name, values]) => ({ name, summary: summarize(values) }))
  const met = (ways[1]?.summary.median ?? Infinity) <= 60
  return [{ name: 'glovebox --help', unit: 'ms', ways, target: { words: 'at most 60 ms', met } }]
}

function time([program = '', ...args]: readonly string[], env: NodeJS.ProcessEnv): number {
  const started = performance.now()
  const run = spawnSync(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  if (run.status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${run.status}`)
  return performance.now() - started
}
