import type { Figure, Options } from '../case.ts'
import { LineClient } from '../line-client.ts'
import { echoServer } from '../programs.ts'
import { summarize } from '../stats.ts'

/** Requests that are under way at once: a client that keeps the pipe full. */
const window = 64
const rounds = 5

/** Small messages a second, requests and answers both counted, with a server that only echoes. */
export async function messages({ runs, glovebox, env }: Options): Promise<Figure[]> {
  const { bare, walled } = echoServer(glovebox)
  const rates = { bare: [] as number[], walled: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    rates.bare.push(await rate(bare, env, runs * 250))
    rates.walled.push(await rate(walled, env, runs * 250))
  }
  const walledSummary = summarize(rates.walled)
  return [
    {
      name: 'small messages through one guard',
      unit: 'per second',
      ways: [
        { name: 'bare stdio', summary: summarize(rates.bare) },
        { name: 'through the guard', summary: walledSummary },
      ],
      target: { words: 'at least 20,000 a second', met: walledSummary.median >= 20_000 },
    },
  ]
}

async function rate(words: readonly string[], env: NodeJS.ProcessEnv, requests: number): Promise<number> {
  await using client = new LineClient(words, env)
  await client.initialize()
  let left = requests
  const worker = async (): Promise<void> => {
    while (left-- > 0) await client.request('ping')
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: window }, worker))
  return (2 * requests) / ((performance.now() - started) / 1000)
}
