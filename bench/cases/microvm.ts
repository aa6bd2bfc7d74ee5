import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadDriver } from '../../src/drivers/registry.ts'
import { machineParts } from '../../src/drivers/microvm/boot-template.ts'
import type { MicrovmHost } from '../../src/drivers/microvm/microvm-host.ts'
import { bootPatience, enterGuest } from '../../src/drivers/microvm/vmm/guest.ts'
import type { Machine } from '../../src/drivers/microvm/vmm/machine.ts'
import type { Figure, Options } from '../case.ts'
import { cloned, findMachines, never, proportionalMegabytes, shape } from '../clones.ts'
import { summarize, type Summary } from '../stats.ts'

const mostClones = 100
const boots = 3
/** All there at once. */
const crowd = 20

/** A machine from its template to its first answer, beside a jail and a boot; and what each of many takes of the memory. */
export async function microvm({ runs }: Options): Promise<Figure[]> {
  const found = await findMachines('microvm')
  if (found === undefined) return []
  const { host, template: directory } = found
  const jails: number[] = []
  const clones: number[] = []
  const jail = await loadDriver('jail')
  for (let round = 0; round < Math.min(runs, mostClones); round++) {
    jails.push(await timed(async () => void (await jail.tryOut?.(never))))
    clones.push(await timeClone(host, directory))
  }
  const booted: number[] = []
  for (let round = 0; round < boots; round++) booted.push(await timeBoot(host))
  const [clone, boot] = [summarize(clones), summarize(booted)]
  return [
    {
      name: 'a sandbox of its own, to its first answer',
      unit: 'ms',
      ways: [
        { name: 'a jail, from start to end', summary: summarize(jails) },
        { name: 'a clone, to the answer of its inside', summary: clone },
      ],
      target: { words: 'at most 60 ms, and 100 ms at p95', met: clone.median <= 60 && clone.p95 <= 100 },
    },
    {
      name: 'a machine, to the answer of its inside',
      unit: 'ms',
      ways: [
        { name: 'cloned', summary: clone },
        { name: 'booted', summary: boot },
      ],
      target: { words: 'at most 4 s booted', met: boot.median <= 4000 },
    },
    memoryFigure(await memoryOf(host, directory)),
  ]
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** Its end is not waited for by anybody. */
async function timeClone(host: MicrovmHost, template: string): Promise<number> {
  let machine: Machine | undefined
  const took = await timed(async () => (machine = await cloned(host, template)))
  await machine?.kill()
  return took
}

async function timeBoot(host: MicrovmHost): Promise<number> {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-bench-'))
  let machine: Machine | undefined
  try {
    return await timed(async () => {
      machine = await host.vmm.boot(machineParts(host, shape), directory, never)
      await enterGuest(machine, bootPatience)
    })
  } finally {
    await machine?.kill()
    rmSync(directory, { recursive: true })
  }
}

/** PSS of each VMM, in megabytes of 1024², while all are there: pages that clones share count in parts (proc_pid_smaps_rollup(5)). */
async function memoryOf(host: MicrovmHost, template: string): Promise<Summary> {
  const machines: Machine[] = []
  try {
    while (machines.length < crowd) machines.push(await cloned(host, template))
    return summarize(machines.map(({ pid }) => proportionalMegabytes(pid)))
  } finally {
    await Promise.all(machines.map(async (machine) => machine.kill()))
  }
}

function memoryFigure(summary: Summary): Figure {
  return {
    name: `memory of each of ${crowd} clones that are idle (PSS)`,
    unit: 'MB',
    ways: [{ name: 'a clone', summary }],
    target: { words: 'at most 40 MiB', met: summary.median <= 40 },
  }
}
