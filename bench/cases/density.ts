import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Machine } from '../../src/drivers/microvm/vmm/machine.ts'
import type { MicrovmHost } from '../../src/drivers/microvm/microvm-host.ts'
import { launchMany } from '../../src/runtime/launch-many.ts'
import type { Figure, Options } from '../case.ts'
import { cloned, findMachines, never, proportionalMegabytes } from '../clones.ts'
import { summarize, type Summary } from '../stats.ts'

/** All there at once, and three times as many where nothing but their number is looked at. */
const most = 100
const batch = 16
/** Of a second, by which the kernel counts (proc(5), stat: clock ticks). */
const ticksPerSecond = 100
const idleMs = 10_000

/** Many machines at once: what it takes until all have answered, what each takes of the memory, and what all of them do when nobody asks. */
export async function density({ runs }: Options): Promise<Figure[]> {
  const found = await findMachines('density')
  if (found === undefined) return []
  const count = Math.min(runs, most)
  const crowd = await crowdOf(found, count)
  const great = await crowdOf(found, 3 * count)
  return [
    {
      name: `${count} machines from one template, until all have answered`,
      unit: 'ms',
      ways: [
        { name: 'each, to the answer of its inside', summary: crowd.each },
        { name: `all, ${batch} at a time`, summary: crowd.all },
      ],
      target: { words: 'at most 20 s, and none fails', met: crowd.all.median <= 20_000 && crowd.failed === 0 },
    },
    {
      name: `memory of each of ${count} machines that are idle (PSS)`,
      unit: 'MB',
      ways: [{ name: 'a machine', summary: crowd.memory }],
      target: { words: 'at most 40 MiB', met: crowd.memory.median <= 40 },
    },
    {
      name: `processors that ${count} idle machines take, over ${idleMs / 1000} s`,
      unit: 'cores',
      ways: [{ name: 'all of them', summary: crowd.cores }],
      target: { words: 'at most half of one', met: crowd.cores.median <= 0.5 },
    },
    {
      name: `${3 * count} machines at once`,
      unit: 'ms',
      ways: [{ name: 'until all have answered', summary: great.all }],
      target: { words: `none fails (${great.failed} did)`, met: great.failed === 0 },
    },
    await handshakes(count),
  ]
}

interface Crowd {
  readonly each: Summary
  readonly all: Summary
  readonly memory: Summary
  readonly cores: Summary
  readonly failed: number
}

async function crowdOf({ host, template }: { host: MicrovmHost; template: string }, count: number): Promise<Crowd> {
  const machines: Machine[] = []
  const tookMs: number[] = []
  let [left, failed] = [count, 0]
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const from = performance.now()
      try {
        machines.push(await cloned(host, template))
        tookMs.push(performance.now() - from)
      } catch (error) {
        failed++
        process.stderr.write(`density: ${String(error)}\n`)
      }
    }
  }
  try {
    const from = performance.now()
    await Promise.all(Array.from({ length: Math.min(batch, count) }, work))
    const all = performance.now() - from
    const memory = summarize(machines.map(({ pid }) => proportionalMegabytes(pid)))
    return { each: summarize(tookMs), all: summarize([all]), memory, cores: await idleCores(machines), failed }
  } finally {
    await Promise.all(machines.map(async (machine) => machine.kill()))
  }
}

async function idleCores(machines: readonly Machine[]): Promise<Summary> {
  const used = (): number => machines.reduce((sum, { pid }) => sum + processorTicks(pid), 0)
  const [before, from] = [used(), performance.now()]
  await pause(idleMs)
  const seconds = (performance.now() - from) / 1000
  return summarize([(used() - before) / ticksPerSecond / seconds])
}

/** Fields utime and stime of stat, the 14th and 15th (proc(5)); the name before them may have spaces in it. */
function processorTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** With a server in each, which answers `initialize`: mostly what its interpreter takes to start under emulation. */
async function handshakes(count: number): Promise<Figure> {
  const flags = { driver: 'microvm' }
  const many = await launchMany([], flags, { count, batch, signal: never, onProgress: () => undefined })
  for (const failure of new Set(many.failures)) process.stderr.write(`density: ${failure}\n`)
  return {
    name: `${count} machines with a server in each, until all have shaken hands`,
    unit: 'ms',
    ways: [
      { name: 'each, to the answer to initialize', summary: summarize(many.launchMs) },
      { name: `all, ${batch} at a time`, summary: summarize([many.tookMs]) },
    ],
    target: { words: `none fails (${many.failures.length} did)`, met: many.failures.length === 0 },
  }
}
