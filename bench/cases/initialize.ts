import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { atMostAbove, type Figure, type Options } from '../case.ts'
import { LineClient } from '../line-client.ts'
import { filesystemServer } from '../programs.ts'
import { summarize } from '../stats.ts'

/** From the start of the client's child to the answer to `initialize`: what a person waits for. */
export async function initialize({ runs, glovebox, env }: Options): Promise<Figure[]> {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-bench-'))
  try {
    const { bare, walled } = filesystemServer(glovebox, directory)
    const times = { bare: [] as number[], walled: [] as number[] }
    await startOnce(bare, env)
    await startOnce(walled, env)
    for (let round = 0; round < runs; round++) {
      times.bare.push(await startOnce(bare, env))
      times.walled.push(await startOnce(walled, env))
    }
    const ways = [
      { name: 'node server', summary: summarize(times.bare) },
      { name: 'glovebox run', summary: summarize(times.walled) },
    ] as const
    const target = atMostAbove(ways[0], ways[1], 60, 'at most 60 ms over the bare server')
    return [{ name: 'server-filesystem, start to the answer to initialize', unit: 'ms', ways, target }]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function startOnce(words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const started = performance.now()
  await using client = new LineClient(words, env)
  await client.initialize()
  return performance.now() - started
}
