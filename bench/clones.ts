import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { bootTemplate, machineParts } from '../src/drivers/microvm/boot-template.ts'
import { findMicrovmHost } from '../src/drivers/microvm/host.ts'
import type { MicrovmHost } from '../src/drivers/microvm/microvm-host.ts'
import { clonePatience, enterGuest } from '../src/drivers/microvm/vmm/guest.ts'
import type { Machine } from '../src/drivers/microvm/vmm/machine.ts'
import type { Shape } from '../src/drivers/microvm/vmm/shape.ts'
import { testMachines, whyNoMachines } from '../test/support/machines.ts'

/** What a policy's default of 256 MiB makes. */
export const shape: Shape = { memoryBytes: 384 * 1024 ** 2, vcpus: 1 }

export const never: AbortSignal = new AbortController().signal

/** The host's machines, and the template that they are cloned from; undefined, and told, where there are none. */
export async function findMachines(name: string): Promise<{ host: MicrovmHost; template: string } | undefined> {
  const missing = whyNoMachines()
  if (missing !== undefined) {
    process.stderr.write(`${name}: not measured: ${missing}\n`)
    return undefined
  }
  await testMachines()
  const host = await findMicrovmHost(process.env, { mayBuild: 'watched', signal: never })
  const { directory } = await bootTemplate(host, shape, never)
  return { host, template: directory }
}

/** A machine whose inside has said hello. */
export async function cloned(host: MicrovmHost, template: string): Promise<Machine> {
  const own = mkdtempSync(path.join(tmpdir(), 'glovebox-bench-'))
  try {
    const machine = await host.vmm.clone(machineParts(host, shape), { template, own }, never)
    await enterGuest(machine, clonePatience)
    return machine
  } finally {
    rmSync(own, { recursive: true })
  }
}

/** PSS of a VMM, in megabytes of 1024²: pages that clones share count in parts (proc_pid_smaps_rollup(5)). */
export function proportionalMegabytes(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
  return Number(kilobytes) / 1024
}
