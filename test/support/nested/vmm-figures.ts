import { readFileSync } from 'node:fs'
import { bootTemplate, machineParts } from '../../../src/drivers/microvm/boot-template.ts'
import { findMicrovmHost } from '../../../src/drivers/microvm/host.ts'
import { stageImage, startStaging } from '../../../src/drivers/microvm/image/store.ts'
import type { MicrovmHost } from '../../../src/drivers/microvm/microvm-host.ts'
import { bootPatience, clonePatience, enterGuest } from '../../../src/drivers/microvm/vmm/guest.ts'
import { identify } from '../../../src/drivers/microvm/vmm/identity.ts'
import type { Machine } from '../../../src/drivers/microvm/vmm/machine.ts'
import { shapeFor } from '../../../src/drivers/microvm/vmm/shape.ts'
import type { VmmName } from '../../../src/policy/plan.ts'
import { limits } from '../../escape/support/jail.ts'

/**
 * What `docs/verification/firecracker.md` compares: `vmm-figures.ts firecracker|qemu`, in a machine with a KVM. Boots until the inside
 * answers, clones until one has been made a machine of its own, and what a clone takes of the memory while others run.
 */
const boots = 2
const clones = 5

const { signal } = new AbortController()
const host = await findMicrovmHost(process.env, { mayBuild: 'never', signal, vmm: process.argv[2] as VmmName })
const shape = shapeFor(limits({ memory: 256 * 1024 ** 2 }))

const booted: number[] = []
for (let each = 0; each < boots; each++) booted.push(await bootOnce(host))

const template = await bootTemplate(host, shape, signal)
const running: Machine[] = []
const cloned: number[] = []
for (let each = 0; each < clones; each++) {
  await using own = stageImage(startStaging(host.places))
  const from = performance.now()
  const directories = { template: template.directory, own: own.directory }
  const machine = await host.vmm.clone(machineParts(host, shape), directories, signal)
  running.push(machine)
  await identify(await enterGuest(machine, clonePatience), `figures-${each}`)
  cloned.push(performance.now() - from)
}
const pss = running.map(({ pid }) => kilobytes(pid, 'Pss'))
const rss = running.map(({ pid }) => kilobytes(pid, 'Rss'))
await Promise.all(running.map(async (machine) => machine.kill()))

const about = { vmm: host.vmm.name, memoryBytes: shape.memoryBytes, vcpus: shape.vcpus }
const figures = { bootMs: median(booted), cloneMs: median(cloned), pssKiB: median(pss), rssKiB: median(rss) }
process.stdout.write(`${JSON.stringify({ ...about, ...figures, booted, cloned, pss })}\n`)
process.exit() // connections to clones that have ended are left

async function bootOnce({ vmm, places }: MicrovmHost): Promise<number> {
  await using own = stageImage(startStaging(places))
  const from = performance.now()
  const machine = await vmm.boot(machineParts(host, shape), own.directory, signal)
  try {
    await enterGuest(machine, bootPatience)
    return performance.now() - from
  } finally {
    await machine.kill()
  }
}

function kilobytes(pid: number, name: string): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1])
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN)
}
