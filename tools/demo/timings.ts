import { connect, callTool } from './server.ts'

export interface Timings {
  readonly startMs: number
  readonly callMs: number
}

const starts = 5
const calls = 100

/** Medians of the same server bare and in the sandbox, taken in turns so that whatever else runs disturbs both alike. */
export async function compare(
  bare: readonly string[],
  walled: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ bare: Timings; walled: Timings }> {
  const seen = { bare: [] as Timings[], walled: [] as Timings[] }
  for (let round = 0; round < starts; round++) {
    seen.bare.push(await measure(bare, env))
    seen.walled.push(await measure(walled, env))
  }
  return { bare: medians(seen.bare), walled: medians(seen.walled) }
}

async function measure(words: readonly string[], env: NodeJS.ProcessEnv): Promise<Timings> {
  await using connection = await connect(words, env)
  const times: number[] = []
  for (let call = 0; call < calls; call++) {
    const started = performance.now()
    await callTool(connection.client, 'list_allowed_directories', {})
    times.push(performance.now() - started)
  }
  return { startMs: connection.startMs, callMs: median(times) }
}

function medians(timings: readonly Timings[]): Timings {
  return { startMs: median(timings.map(({ startMs }) => startMs)), callMs: median(timings.map(({ callMs }) => callMs)) }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('the median of nothing')
  return middle
}
