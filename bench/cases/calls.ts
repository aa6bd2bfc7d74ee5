import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Figure, Options } from '../case.ts'
import { LineClient } from '../line-client.ts'
import { filesystemServer } from '../programs.ts'
import { summarize, type Summary } from '../stats.ts'

interface Round {
  readonly bare: Summary
  readonly walled: Summary
  readonly residentMegabytes: number
}

const rounds = 5
const warmUp = 100
const tool = { name: 'list_allowed_directories', arguments: {} }

/** A tool call of a real server over stdio, bare and through the guard; and what the process between them weighs. */
export async function calls(options: Options): Promise<Figure[]> {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-bench-'))
  try {
    const seen: Round[] = []
    for (let round = 0; round < rounds; round++) seen.push(await oneRound(directory, options))
    return [callFigure(seen, 'median', 0.15), callFigure(seen, 'p99', 1), memoryFigure(seen)]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Both servers are up all the time, and one call goes to the one, the next to the other. */
async function oneRound(directory: string, { glovebox, env, runs }: Options): Promise<Round> {
  const { bare, walled } = filesystemServer(glovebox, directory)
  await using bareClient = new LineClient(bare, env)
  await using walledClient = new LineClient(walled, env)
  await bareClient.initialize()
  await walledClient.initialize()
  // What both have to compile first is no property of a call.
  for (let call = 0; call < warmUp; call++) await Promise.all([timeCall(bareClient), timeCall(walledClient)])
  const times = { bare: [] as number[], walled: [] as number[] }
  for (let call = 0; call < runs * 5; call++) {
    times.bare.push(await timeCall(bareClient))
    times.walled.push(await timeCall(walledClient))
  }
  return {
    bare: summarize(times.bare),
    walled: summarize(times.walled),
    residentMegabytes: residentMegabytes(walledClient.child.pid),
  }
}

async function timeCall(client: LineClient): Promise<number> {
  const started = performance.now()
  await client.request('tools/call', tool)
  return performance.now() - started
}

/** The median, or the 99th percentile, of each round; the figure is the middle one of the five. */
function callFigure(seen: readonly Round[], key: 'median' | 'p99', limit: number): Figure {
  const bare = summarize(seen.map((round) => round.bare[key]))
  const walled = summarize(seen.map((round) => round.walled[key]))
  const met = walled.median - bare.median <= limit
  return {
    name: `tools/call, ${key === 'median' ? 'p50' : 'p99'} of each of ${seen.length} rounds`,
    unit: 'ms',
    ways: [
      { name: 'bare stdio', summary: bare },
      { name: 'through the guard', summary: walled },
    ],
    target: { words: `at most ${limit} ms over bare stdio`, met },
  }
}

function memoryFigure(seen: readonly Round[]): Figure {
  const summary = summarize(seen.map((round) => round.residentMegabytes))
  return {
    name: 'resident memory of glovebox run, after the calls',
    unit: 'MB',
    ways: [{ name: 'glovebox run', summary }],
    target: { words: 'at most 60 MB', met: summary.median <= 60 },
  }
}

/** VmRSS of proc(5), which counts KiB; in megabytes of 1024², as all our sizes are. */
function residentMegabytes(pid: number | undefined): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) / 1024
}
