import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadDriver } from '../../src/drivers/registry.ts'
import { bootTemplate, machineParts } from '../../src/drivers/microvm/boot-template.ts'
import { findMicrovmHost } from '../../src/drivers/microvm/host.ts'
import type { MicrovmHost } from '../../src/drivers/microvm/microvm-host.ts'
import { bootPatience, clonePatience, enterGuest } from '../../src/drivers/microvm/vmm/guest.ts'
import type { Machine } from '../../src/drivers/microvm/vmm/machine.ts'
import type { Shape } from '../../src/drivers/microvm/vmm/shape.ts'
import { testMachines, whyNoMachines } from '../../test/support/machines.ts'
import type { Figure, Options } from '../case.ts'
import { summarize, type Summary } from '../stats.ts'

/** What a policy's default of 256 MiB makes. */
const shape: Shape = { memoryBytes: 384 * 1024 ** 2, vcpus: 1 }

const mostClones = 100
const boots = 3
/** All there at once. */
const crowd = 20

const never = new AbortController().signal

/** A machine from its template to its first answer, beside a jail and a boot; and what each of many takes of the memory. */
export async function microvm({ runs }: Options): Promise<Figure[]> {
  const missing = whyNoMachines()
  if (missing !== undefined) {
    process.stderr.write(`microvm: not measured: ${missing}\n`)
    return []
  }
  await testMachines()
  const host = await findMicrovmHost(process.env, { mayBuild: true, signal: never })
  const { directory } = await bootTemplate(host, shape, never)
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

async function cloned(host: MicrovmHost, template: string): Promise<Machine> {
  const own = mkdtempSync(path.join(tmpdir(), 'glovebox-bench-'))
  try {
    const machine = await host.vmm.clone(machineParts(host, shape), { template, own }, never)
    await enterGuest(machine, clonePatience)
    return machine
  } finally {
    rmSync(own, { recursive: true })
  }
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

function proportionalMegabytes(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
  return Number(kilobytes) / 1024
}

function memoryFigure(summary: Summary): Figure {
  return {
    name: `memory of each of ${crowd} clones that are idle (PSS)`,
    unit: 'MB',
    ways: [{ name: 'a clone', summary }],
    target: { words: 'at most 40 MiB', met: summary.median <= 40 },
  }
}
