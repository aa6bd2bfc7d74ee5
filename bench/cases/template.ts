import { existsSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { resolveCommand } from '../../src/packages/start.ts'
import { places } from '../../src/system/places.ts'
import { giveImage, testImage } from '../../test/support/image.ts'
import { whyNoMachines } from '../../test/support/machines.ts'
import type { Figure, Options } from '../case.ts'
import { initialized, outOfPool, verb, type Launched } from '../launches.ts'
import { summarize } from '../stats.ts'

const [command, ...args] = ['npx', '-y', '@modelcontextprotocol/server-everything@2026.8.31'] as const
const sandbox = { driver: 'microvm', template: 'server' }
const mostRuns = 40

/** A real server that is a package, from a template in which it is up: to its answer to the handshake, and out of a pool. */
export async function template({ runs, glovebox, env }: Options): Promise<Figure[]> {
  const missing = whyNoMachines()
  if (missing !== undefined) {
    process.stderr.write(`template: not measured: ${missing}\n`)
    return []
  }
  const home = path.join(homedir(), '.cache', 'glovebox-bench')
  const own = { ...env, HOME: homedir(), GLOVEBOX_HOME: home }
  const at = places(own)
  // Whatever the way to the registry takes, once; what is measured does not get it.
  const from = { places: at, env: { ...process.env, ...own }, cwd: homedir(), progress: () => undefined }
  const bare = [...((await resolveCommand([command, ...args], from))?.command ?? [])]
  const image = await testImage()
  if (!existsSync(path.join(at.data, 'images', image.record.digest))) {
    giveImage(image, { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1 }, at.data)
  }
  const file = path.join(home, 'template.json')
  const pool = { ...sandbox, lifetime: 'session', pool: 1 }
  const mcpServers = { fresh: { command, args, sandbox }, pooled: { command, args, sandbox: pool } }
  writeFileSync(file, JSON.stringify({ mcpServers }))

  const ask = (...words: string[]): string => verb(glovebox, own, words)
  const launch = (name: string): Launched => JSON.parse(ask('launch', '--json', '--config', file, name)) as Launched
  const times = { bare: [] as number[], launch: [] as number[], pool: [] as number[] }
  const rounds = Math.min(runs, mostRuns)
  ask('daemon', 'start')
  try {
    // Makes the template, where there is none.
    ask('stop', launch('fresh').id)
    for (let round = 0; round < rounds; round++) {
      times.bare.push(await initialized(bare, own))
      const { id, handshakeMs } = launch('fresh')
      times.launch.push(handshakeMs)
      ask('stop', id)
    }
    launch('pooled')
    for (let round = 0; round < rounds; round++) times.pool.push(await outOfPool(ask, () => launch('pooled')))
  } finally {
    ask('daemon', 'stop')
  }
  const fresh = { name: 'launch, in the daemon', summary: summarize(times.launch) }
  const pooled = { name: 'launch out of a pool, in the daemon', summary: summarize(times.pool) }
  return [
    {
      name: 'server-everything in a template, to the answer to initialize',
      unit: 'ms',
      ways: [{ name: 'node server', summary: summarize(times.bare) }, fresh],
      target: { words: 'at most 450 ms', met: fresh.summary.median <= 450 },
    },
    {
      name: 'server-everything in a template, ready to be called',
      unit: 'ms',
      ways: [fresh, pooled],
      target: { words: 'at most 20 ms out of a pool', met: pooled.summary.median <= 20 },
    },
  ]
}
