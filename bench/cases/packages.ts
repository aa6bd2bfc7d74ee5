import { readFileSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { resolveCommand } from '../../src/packages/start.ts'
import { places } from '../../src/system/places.ts'
import type { Figure, Options } from '../case.ts'
import { LineClient } from '../line-client.ts'
import { summarize } from '../stats.ts'

const name = '@modelcontextprotocol/server-filesystem@2026.8.31'

/** The command that people have in their client files: through npx, and through us. Both have everything on disk already. */
export async function packages({ runs, glovebox, env }: Options): Promise<Figure[]> {
  // Outside of any project: npx looks for an executable of its own there first.
  const directory = homedir()
  // A machine whose registry has an authority of its own says so to npm alone: told to Node, each start would read it.
  const { npm_config_cafile } = process.env
  const own = {
    ...env,
    npm_config_cafile,
    HOME: homedir(),
    GLOVEBOX_HOME: path.join(directory, '.cache', 'glovebox-bench'),
  }
  const npx = ['npx', '-y', name, directory]
  const walled = [...glovebox, 'run', '--read', directory, '--', ...npx]
  const found = await resolveCommand(npx, { places: places(own), env: own, cwd: directory, progress: () => undefined })
  const bare = [...(found?.command ?? [])]
  const relayed = [process.execPath, path.resolve(import.meta.dirname, '../relay.mjs'), ...bare]
  const ways = { bare, relayed, npx, walled }
  const times = { bare: [] as number[], relayed: [] as number[], npx: [] as number[], walled: [] as number[] }
  const memory = { bare: [] as number[], relayed: [] as number[], npx: [] as number[], walled: [] as number[] }
  for (const words of Object.values(ways)) await startOnce(words, own)
  // npx takes half a second: fewer rounds say the same.
  for (let round = 0; round < Math.max(1, Math.round(runs / 4)); round++) {
    for (const way of ['bare', 'relayed', 'npx', 'walled'] as const) {
      const { ms, megabytes } = await startOnce(ways[way], own)
      times[way].push(ms)
      memory[way].push(megabytes)
    }
  }
  return [
    figure('server-filesystem as a package, start to the answer to initialize', 'ms', times, 0.6),
    figure('server-filesystem as a package, memory of all its processes (PSS)', 'MB', memory, undefined),
  ]
}

function figure(
  title: string,
  unit: 'ms' | 'MB',
  values: Readonly<Record<'bare' | 'relayed' | 'npx' | 'walled', readonly number[]>>,
  limit: number | undefined,
): Figure {
  const [npx, walled] = [summarize(values.npx), summarize(values.walled)]
  return {
    name: title,
    unit,
    ways: [
      { name: 'warm npx', summary: npx },
      { name: 'glovebox run -- npx', summary: walled },
      { name: 'node entry', summary: summarize(values.bare) },
      { name: 'node entry behind a relay in Node', summary: summarize(values.relayed) },
    ],
    target:
      limit === undefined
        ? undefined
        : { words: `at most ${limit} of warm npx`, met: walled.median <= limit * npx.median },
  }
}

async function startOnce(words: readonly string[], env: NodeJS.ProcessEnv): Promise<{ ms: number; megabytes: number }> {
  const started = performance.now()
  await using client = new LineClient(words, env)
  await client.initialize()
  const ms = performance.now() - started
  return { ms, megabytes: memoryOf(client.child.pid ?? 0) / 1024 ** 2 }
}

/** Proportional set size of a process and all below it (proc_pid_smaps(5)): pages that are shared count once. */
function memoryOf(pid: number): number {
  const parents = new Map(
    readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map((entry) => [Number(entry), parentOf(entry)]),
  )
  const isBelow = (id: number): boolean => id === pid || (id > 1 && isBelow(parents.get(id) ?? 0))
  return [...parents.keys()].filter((id) => isBelow(id)).reduce((sum, id) => sum + pssOf(id), 0)
}

function parentOf(pid: string): number {
  // The name in brackets may have anything in it: the fields are counted behind the last one.
  return Number(
    read(`/proc/${pid}/stat`)
      .replace(/^.*\) /s, '')
      .split(' ')[1] ?? 0,
  )
}

function pssOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EACCES'].includes(String(error.code)))
      return ''
    throw error
  }
}
